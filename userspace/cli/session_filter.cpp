#include "cli/session_filter.hpp"

#include <array>
#include <charconv>
#include <ctime>
#include <utility>

#include <fmt/format.h>

#include "base/clock.hpp"

namespace callgate::cli {
namespace {

constexpr std::uint64_t second = 1'000'000'000;
constexpr std::array<std::pair<char, std::uint64_t>, 4> units{
    {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}}};

Error no_time(std::string_view text) {
  return make_error("invalid",
                    fmt::format("`{}` is no time: write 30s, 10m, 2h or 7d (before now), 2026-01-31 or "
                                "2026-01-31T23:59:59Z",
                                text));
}

// Points `target` to a text field of a message.
void add_text(CLI::App& command, const char* name, const char* type, const char* help, std::string* target) {
  command.add_option(name, *target, help)->type_name(type);
}

}  // namespace

Result<std::uint64_t> parse_time(std::string_view text, std::uint64_t now) {
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec == std::errc() && parsed.ptr + 1 == text.data() + text.size()) {
    for (const auto& [unit, seconds] : units) {
      if (*parsed.ptr != unit) continue;
      if (number > now / second / seconds) return no_time(text);
      return now - number * seconds * second;
    }
    return no_time(text);
  }
  for (const char* const form : {"%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"}) {
    std::tm time{};
    const std::string copy(text);
    const char* const end = ::strptime(copy.c_str(), form, &time);
    if (end == nullptr || *end != '\0') continue;
    const auto seconds = ::timegm(&time);
    if (seconds < 0) break;
    return static_cast<std::uint64_t>(seconds) * second;
  }
  return no_time(text);
}

Result<v1::SessionFilter> FilterOptions::value() const {
  auto result = filter;
  const auto now = wall_ns();
  if (!since.empty()) {
    const auto time = parse_time(since, now);
    if (!time) return time.error();
    result.set_since(*time);
  }
  if (!until.empty()) {
    const auto time = parse_time(until, now);
    if (!time) return time.error();
    result.set_until(*time);
  }
  return result;
}

void add_filter_options(CLI::App& command, FilterOptions& options, bool with_times) {
  auto& filter = options.filter;
  add_text(command, "--workload", "NAME", "Only of this workload", filter.mutable_workload());
  add_text(command, "--function", "GLOB", "Only functions like this, such as \"http:POST *\"",
           filter.mutable_function_glob());
  add_text(command, "--host", "NAME", "Only calls to this target", filter.mutable_host());
  command
      .add_option("--decision", *filter.mutable_decision(),
                  "Only what was allowed, or denied, or would be by observed policies")
      ->check(CLI::IsMember({"allow", "deny", "would-deny"}));
  command.add_option("--outcome", *filter.mutable_outcome(), "Only calls that ended like this")
      ->check(CLI::IsMember({"completed", "denied", "refused", "failed", "caller_aborted", "interrupted"}));
  if (!with_times) return;
  add_text(command, "--since", "TIME",
           "Opened at or after: 10m (before now), 2026-01-31, 2026-01-31T23:59:59Z", &options.since);
  add_text(command, "--until", "TIME", "Opened before", &options.until);
}

}  // namespace callgate::cli
