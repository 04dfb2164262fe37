#include "config/values.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "base/edit_distance.hpp"

namespace callgate::config {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};
constexpr std::array duration_units{Unit{"ms", 1}, Unit{"s", 1000}, Unit{"m", 60'000}, Unit{"h", 3'600'000},
                                    Unit{"d", 86'400'000}};
constexpr std::array size_units{Unit{"B", 1},
                                Unit{"KiB", 1ULL << 10U},
                                Unit{"MiB", 1ULL << 20U},
                                Unit{"GiB", 1ULL << 30U},
                                Unit{"TiB", 1ULL << 40U},
                                Unit{"PiB", 1ULL << 50U}};
constexpr std::uint64_t longest_duration = 100ULL * 365 * 86'400'000;
constexpr std::uint64_t largest_size = 1ULL << 50U;

Error wrong(std::string message) {
  return make_error("invalid", std::move(message));
}

template <std::size_t Count>
Result<std::uint64_t> parse_with_unit(std::string_view text, const std::array<Unit, Count>& units,
                                      std::string_view form, std::uint64_t largest) {
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec == std::errc::invalid_argument) return wrong(fmt::format("must be {}", form));
  const std::string_view unit(parsed.ptr, static_cast<std::size_t>(text.data() + text.size() - parsed.ptr));
  if (unit.empty() && number == 0) return number;
  if (unit.empty()) return wrong(fmt::format("needs a unit: {}", form));
  for (const auto& known : units) {
    if (known.name != unit) continue;
    if (parsed.ec == std::errc::result_out_of_range || number > largest / known.factor) {
      return wrong("is too large");
    }
    return number * known.factor;
  }
  return wrong(fmt::format("has the unknown unit `{}`: write {}", unit, form));
}

template <std::size_t Count>
std::string format_with_unit(std::uint64_t value, const std::array<Unit, Count>& units) {
  const Unit* best = &units.front();
  for (const auto& unit : units) {
    if (value != 0 && value % unit.factor == 0) best = &unit;
  }
  return fmt::format("{}{}", value / best->factor, best->name);
}

bool all_of(std::string_view text, std::string_view allowed) {
  return text.find_first_not_of(allowed) == std::string_view::npos;
}

constexpr std::string_view digits = "0123456789";
constexpr std::string_view domain_characters = "abcdefghijklmnopqrstuvwxyz0123456789.-_";
constexpr std::string_view name_characters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";

}  // namespace

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const auto value =
      parse_with_unit(text, duration_units, "a duration such as 500ms, 30s, 10m or 1h", longest_duration);
  if (!value) return value.error();
  return std::chrono::milliseconds(*value);
}

Result<std::uint64_t> parse_size(std::string_view text) {
  return parse_with_unit(text, size_units, "a size such as 512B, 64KiB, 1MiB or 2GiB", largest_size);
}

Result<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec == std::errc::result_out_of_range) return wrong("is too large");
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size())
    return wrong("must be a whole number");
  return number;
}

std::string format_duration(std::chrono::milliseconds duration) {
  return format_with_unit(static_cast<std::uint64_t>(duration.count()), duration_units);
}

std::string format_size(std::uint64_t size) {
  return format_with_unit(size, size_units);
}

Result<void> check_trust_domain(std::string_view text) {
  if (text.empty() || text.size() > 255 || !all_of(text, domain_characters)) {
    return wrong("must be a SPIFFE trust domain: 1 to 255 of a-z, 0-9, `.`, `-` and `_`");
  }
  return {};
}

Result<void> check_spiffe_id(std::string_view text, std::string_view trust_domain) {
  constexpr std::string_view scheme = "spiffe://";
  if (text.substr(0, scheme.size()) != scheme)
    return wrong("must be a SPIFFE ID such as spiffe://callgate.local/payments");
  if (text.size() > 2048) return wrong("is longer than 2048 bytes");
  text.remove_prefix(scheme.size());
  const auto slash = text.find('/');
  const auto domain = text.substr(0, slash);
  CALLGATE_TRY(check_trust_domain(domain));
  if (slash == std::string_view::npos)
    return wrong("must be a SPIFFE ID with a path, such as spiffe://callgate.local/payments");
  auto path = text.substr(slash);
  while (!path.empty()) {
    path.remove_prefix(1);
    const auto segment = path.substr(0, path.find('/'));
    if (segment.empty() || segment == "." || segment == ".." || !all_of(segment, name_characters)) {
      return wrong(
          "has a path that SPIFFE IDs cannot have: segments are letters, digits, `.`, `-` and `_`, none is "
          "empty");
    }
    path.remove_prefix(segment.size());
  }
  if (domain != trust_domain) {
    return wrong(fmt::format("is outside of this agent's trust domain `{}`", trust_domain));
  }
  return {};
}

Result<void> check_path(std::string_view text) {
  if (text.empty() || text[0] != '/') return wrong("must be an absolute path");
  if (text.size() > 1024) return wrong("is longer than 1024 bytes");
  if (text.size() > 1 && text.back() == '/') return wrong("must not end in a slash");
  auto rest = text;
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const auto part = rest.substr(0, rest.find('/'));
    if (part == "." || part == "..") return wrong("must not hold `.` or `..`");
    if (part.empty() && text.size() > 1) return wrong("must not hold empty parts (`//`)");
    rest.remove_prefix(part.size());
  }
  if (std::any_of(text.begin(), text.end(),
                  [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; })) {
    return wrong("must not hold control characters");
  }
  return {};
}

Result<void> check_log_name(std::string_view text) {
  constexpr std::size_t longest = 200;
  const auto allowed = [](char c) { return c > ' ' && c < 0x7f && c != '+'; };
  if (text.empty() || text.size() > longest || !std::all_of(text.begin(), text.end(), allowed)) {
    return wrong("must be 1 to 200 visible ASCII characters, without spaces and `+`");
  }
  return {};
}

Result<void> check_account(std::string_view text) {
  if (!text.empty() && all_of(text, digits)) {
    const auto number = parse_number(text);
    // The last number means "none" to system calls.
    if (!number || *number >= 0xffffffffU) return wrong("holds a number that is no uid or gid");
    return {};
  }
  if (text.empty() || text.size() > 256 || text[0] == '-' ||
      text.find_first_of(":/ \t\n\r,*") != std::string_view::npos) {
    return wrong(fmt::format("holds `{}`, which cannot be the name of an account", text.substr(0, 64)));
  }
  return {};
}

Result<void> check_user_or_group(std::string_view text) {
  constexpr std::string_view prefix = "group:";
  return check_account(text.substr(0, prefix.size()) == prefix ? text.substr(prefix.size()) : text);
}

std::string nearest(std::string_view name, const std::vector<std::string>& known) {
  if (name.size() > 64) return {};
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(1, std::max(name.size(), std::size_t{3}) / 3) + 1;
  for (const auto& candidate : known) {
    const auto steps = edit_distance(name, candidate);
    if (steps < best_distance) {
      best = candidate;
      best_distance = steps;
    }
  }
  return best;
}

}  // namespace callgate::config
