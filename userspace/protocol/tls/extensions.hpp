// The extensions at the end of a hello (RFC 8446 section 4.2).
#pragma once

#include <bitset>
#include <cstdint>
#include <string_view>

#include "protocol/tls/cursor.hpp"

namespace callgate::tls {

// Of supported_versions (RFC 8446 section 4.2.1), which both sides send.
inline constexpr std::uint64_t versions_extension = 43;

// Calls `use` with each extension's type and content; false if they are not well-formed, if one is there
// twice, or if `use` says so.
template <typename Use>
bool each_extension(Cursor& cursor, Use use) {
  if (cursor.at_end()) return !cursor.failed();  // allowed before TLS 1.3
  Cursor list(cursor.block(2));
  if (!cursor.at_end() || cursor.failed()) return false;
  // A set of bits: thousands of empty extensions fit into a hello.
  std::bitset<1U << 16U> seen;
  while (!list.at_end()) {
    const std::uint64_t type = list.number(2);
    const std::string_view content = list.block(2);
    if (list.failed() || seen.test(type)) return false;
    seen.set(type);
    if (!use(type, content)) return false;
  }
  return true;
}

}  // namespace callgate::tls
