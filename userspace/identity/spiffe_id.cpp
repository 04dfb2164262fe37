#include "identity/spiffe_id.hpp"

#include <fmt/format.h>

namespace callgate::identity {
namespace {

constexpr std::string_view scheme = "spiffe://";

constexpr bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
constexpr bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool is_mark(char c) {
  return c == '.' || c == '_' || c == '-';
}

Error bad(std::string why) {
  return make_error("bad_spiffe_id", std::move(why));
}

// A name of the offending byte that is safe to print.
std::string name_of(char c) {
  return c > 0x20 && c < 0x7f ? fmt::format("'{}'", c)
                              : fmt::format("byte {:#04x}", static_cast<unsigned char>(c));
}

Result<void> check_trust_domain(std::string_view name) {
  if (name.empty()) return bad("a SPIFFE ID needs a trust domain: spiffe://<trust domain>/<path>");
  if (name.size() > SpiffeId::longest_trust_domain) {
    return bad(fmt::format("a trust domain has at most {} bytes, this one {}", SpiffeId::longest_trust_domain,
                           name.size()));
  }
  for (const char c : name) {
    if (is_lower(c) || is_digit(c) || is_mark(c)) continue;
    if (is_upper(c)) return bad(fmt::format("{} in the trust domain: write it in lower case", name_of(c)));
    return bad(
        fmt::format("{} in the trust domain: only a-z, 0-9, '.', '_' and '-' are allowed", name_of(c)));
  }
  return {};
}

Result<void> check_segment(std::string_view segment) {
  if (segment.empty()) return bad("the path has an empty segment (two slashes, or one at the end)");
  if (segment == "." || segment == "..") return bad("the path has a segment '.' or '..'");
  for (const char c : segment) {
    if (is_lower(c) || is_upper(c) || is_digit(c) || is_mark(c)) continue;
    return bad(fmt::format("{} in the path: only letters, digits, '.', '_' and '-' are allowed", name_of(c)));
  }
  return {};
}

}  // namespace

Result<SpiffeId> SpiffeId::parse(std::string_view text) {
  static_assert(scheme.size() == scheme_size);
  if (text.size() > longest) {
    return bad(fmt::format("a SPIFFE ID has at most {} bytes, this one {}", longest, text.size()));
  }
  if (text.substr(0, scheme_size) != scheme) return bad("a SPIFFE ID starts with spiffe:// in lower case");
  const auto rest = text.substr(scheme_size);
  const auto slash = rest.find('/');
  const auto trust_domain = rest.substr(0, slash);
  CALLGATE_TRY(check_trust_domain(trust_domain));
  if (slash != std::string_view::npos) {
    auto path = rest.substr(slash + 1);
    for (;;) {
      const auto end = path.find('/');
      CALLGATE_TRY(check_segment(path.substr(0, end)));
      if (end == std::string_view::npos) break;
      path.remove_prefix(end + 1);
    }
  }
  return SpiffeId(std::string(text), trust_domain.size());
}

Result<SpiffeId> SpiffeId::of_trust_domain(std::string_view name) {
  CALLGATE_TRY(check_trust_domain(name));
  return SpiffeId(fmt::format("{}{}", scheme, name), name.size());
}

}  // namespace callgate::identity
