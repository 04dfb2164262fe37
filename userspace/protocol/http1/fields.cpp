#include "protocol/http1/fields.hpp"

#include <algorithm>
#include <array>

#include "protocol/http1/characters.hpp"
#include "protocol/http1/problems.hpp"

namespace callgate::http1 {
namespace {

const Problem* read_length(std::string_view text, std::uint64_t& length) {
  // 19 digits always fit in 64 bits.
  if (text.empty() || text.size() > 19) return &problem::bad_content_length;
  length = 0;
  for (const char c : text) {
    if (!is_digit(c)) return &problem::bad_content_length;
    length = length * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return nullptr;
}

const Problem* read_connection(std::string_view list, Framed& out, bool& lists_upgrade) {
  const bool valid = for_each_element(list, [&](std::string_view option) {
    if (!is_token(option)) return false;
    if (equals_ignoring_case(option, "close")) out.close = true;
    if (equals_ignoring_case(option, "keep-alive")) out.keep_alive = true;
    if (equals_ignoring_case(option, "upgrade")) lists_upgrade = true;
    return !equals_ignoring_case(option, "host") && !equals_ignoring_case(option, "content-length");
  });
  return valid ? nullptr : &problem::bad_connection;
}

}  // namespace

KnownField known_field(std::string_view name) {
  const auto is = [name](std::string_view other) { return equals_ignoring_case(name, other); };
  switch (name.size()) {
    case 2:
      return is("te") ? KnownField::connection_only : KnownField::other;
    case 4:
      return is("host") ? KnownField::host : KnownField::other;
    case 6:
      return is("expect") ? KnownField::expect : KnownField::other;
    case 7:
      return is("upgrade") ? KnownField::upgrade : KnownField::other;
    case 10:
      if (is("connection")) return KnownField::connection;
      return is("keep-alive") ? KnownField::connection_only : KnownField::other;
    case 14:
      return is("content-length") ? KnownField::content_length : KnownField::other;
    case 16:
      return is("proxy-connection") ? KnownField::connection_only : KnownField::other;
    case 17:
      return is("transfer-encoding") ? KnownField::transfer_encoding : KnownField::other;
    case 18:
      return is("proxy-authenticate") ? KnownField::connection_only : KnownField::other;
    case 19:
      return is("proxy-authorization") ? KnownField::connection_only : KnownField::other;
    default:
      return KnownField::other;
  }
}

bool is_forbidden_trailer(std::string_view name) {
  static constexpr std::array<std::string_view, 18> forbidden = {"trailer",
                                                                 "max-forwards",
                                                                 "authorization",
                                                                 "www-authenticate",
                                                                 "cookie",
                                                                 "set-cookie",
                                                                 "content-type",
                                                                 "content-range",
                                                                 "content-encoding",
                                                                 "forwarded",
                                                                 "x-forwarded-for",
                                                                 "x-forwarded-host",
                                                                 "cache-control",
                                                                 "x-forwarded-port",
                                                                 "range",
                                                                 "location",
                                                                 "x-forwarded-proto",
                                                                 "via"};
  return known_field(name) != KnownField::other ||
         std::any_of(forbidden.begin(), forbidden.end(),
                     [name](std::string_view one) { return equals_ignoring_case(name, one); });
}

const Problem* read_fields(const std::vector<Field>& fields, int minor_version, bool request, Framed& out) {
  bool has_upgrade = false;
  bool lists_upgrade = false;
  const Problem* wrong = nullptr;
  for (const Field& field : fields) {
    switch (known_field(field.name)) {
      case KnownField::other:
      case KnownField::connection_only:
        break;
      case KnownField::host:
        if (out.has_host && request) return &problem::repeated_host;
        out.has_host = true;
        out.host = field.value;
        break;
      case KnownField::connection:
        wrong = read_connection(field.value, out, lists_upgrade);
        break;
      case KnownField::content_length:
        if (out.has_length) return &problem::repeated_content_length;
        if (out.chunked) return &problem::conflicting_lengths;
        out.has_length = true;
        wrong = read_length(field.value, out.length);
        break;
      case KnownField::transfer_encoding:
        if (out.chunked) return &problem::repeated_transfer_encoding;
        if (out.has_length) return &problem::conflicting_lengths;
        if (minor_version == 0) return &problem::transfer_encoding_in_1_0;
        if (!equals_ignoring_case(field.value, "chunked")) return &problem::bad_transfer_encoding;
        out.chunked = true;
        break;
      case KnownField::upgrade:
        has_upgrade = true;
        break;
      case KnownField::expect:
        if (!request) break;
        if (!equals_ignoring_case(field.value, "100-continue")) return &problem::unknown_expectation;
        out.expect_continue = minor_version > 0;
        break;
    }
    if (wrong != nullptr) return wrong;
  }
  out.upgrade = has_upgrade && lists_upgrade && minor_version > 0;
  return nullptr;
}

}  // namespace callgate::http1
