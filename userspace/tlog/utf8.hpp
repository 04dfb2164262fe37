// UTF-8, one character after the other.
#pragma once

#include <optional>
#include <string_view>

namespace callgate::tlog {

// Takes the first character off a text that is not empty; nothing where that is not well-formed UTF-8
// (Unicode 15, table 3-7).
[[nodiscard]] std::optional<char32_t> take_character(std::string_view& text);
// As Unicode's White_Space says.
[[nodiscard]] bool is_space(char32_t character);

}  // namespace callgate::tlog
