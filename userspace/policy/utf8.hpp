// Is this text UTF-8? The same question for documents and for paths.
#pragma once

#include <cstddef>
#include <string_view>

namespace callgate::policy {

// The offset of the first byte that is not part of well-formed UTF-8 (Unicode 15, table 3-7: no overlong
// forms, no surrogates, nothing above U+10FFFF), or npos.
[[nodiscard]] std::size_t find_invalid_utf8(std::string_view text);

[[nodiscard]] inline bool is_utf8(std::string_view text) {
  return find_invalid_utf8(text) == std::string_view::npos;
}

// One line of UTF-8 without control characters.
[[nodiscard]] bool is_plain_text(std::string_view text);

}  // namespace callgate::policy
