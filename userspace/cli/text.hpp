// Text for terminals. What workloads and targets sent must not be able to move the cursor, change colours or
// set titles.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace callgate::cli {

// `text` on one line: control characters, invalid UTF-8, and characters that change direction or are
// invisible are escaped as \n, \x1b or \u{202e}. Everything else stays.
[[nodiscard]] std::string safe(std::string_view text);
// The same for a text of several lines: line ends (LF, CRLF) and tabs stay.
[[nodiscard]] std::string safe_lines(std::string_view text);
// Whether most people would call these bytes text: UTF-8 without control characters other than line ends and
// tabs. A character that the end of `bytes` cuts off is overlooked.
[[nodiscard]] bool is_text(std::string_view bytes);

// Columns that `text` takes on a terminal; `text` must have passed safe().
[[nodiscard]] std::size_t width(std::string_view text);
// `text` cut to at most `columns`, the last of them "…" if anything was cut.
[[nodiscard]] std::string shorten(std::string_view text, std::size_t columns);

// Bytes of `text` without a character that its end cuts off.
[[nodiscard]] std::size_t whole_characters(std::string_view text);

// "000000  47 45 54 20 …  |GET …|": 16 bytes a line, as hexdump -C does; `first` is the place of the first
// one.
[[nodiscard]] std::string hex_dump(std::string_view bytes, std::uint64_t first = 0);

// "512 B", "1.5 MiB (1,572,864 B)".
[[nodiscard]] std::string show_size(std::uint64_t bytes);
// "850 us", "12.3 ms", "4.20 s".
[[nodiscard]] std::string show_microseconds(std::uint64_t microseconds);
// "1,234,567".
[[nodiscard]] std::string show_number(std::uint64_t number);
// Of nanoseconds since 1970; "-" for 0.
[[nodiscard]] std::string show_time(std::uint64_t nanoseconds);

}  // namespace callgate::cli
