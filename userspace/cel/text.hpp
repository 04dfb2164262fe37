// Texts as sequences of Unicode code points.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace callgate::cel {

[[nodiscard]] bool is_utf8(std::string_view text);

// In what follows, a byte that cannot begin a code point belongs to the one before it.
[[nodiscard]] std::size_t count_points(std::string_view text);
// Where the code point number `index` begins, the first being 0: the text's size for the one behind the last,
// npos for those behind that.
[[nodiscard]] std::size_t point_offset(std::string_view text, std::size_t index);
// Where the last code point of a text that is not empty begins.
[[nodiscard]] std::size_t last_point(std::string_view text);

// As string_view::find, in time that is linear in both texts.
[[nodiscard]] std::size_t find_text(std::string_view text, std::string_view wanted, std::size_t from = 0);

// The shortest text that reads back as the same number; "NaN", "Infinity", "-Infinity".
[[nodiscard]] std::string real_text(double value);

}  // namespace callgate::cel
