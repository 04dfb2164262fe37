// The captured head of an HTTP/1.1 message, read leniently: it has passed a strict parser already, or has
// been cut, and is only shown.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace callgate::cli {

struct HttpHead {
  std::string start_line;
  std::vector<std::pair<std::string, std::string>> fields;  // as they came; at most most_fields

  static constexpr std::size_t most_fields = 1000;

  // The first field of this name, whatever its case; empty: none.
  [[nodiscard]] std::string_view field(std::string_view name) const;
  // All fields of this name, joined by ", ".
  [[nodiscard]] std::string all(std::string_view name) const;
};

// Of several heads (interim answers come before the final one) the last. Lines that are no fields are left
// out.
[[nodiscard]] HttpHead parse_http_head(std::string_view text);

// "POST", "/x?q=1" and "HTTP/1.1" of "POST /x?q=1 HTTP/1.1"; what is missing is empty.
struct StartLine {
  std::string_view first;
  std::string_view second;
  std::string_view third;
};
[[nodiscard]] StartLine split_start_line(std::string_view line);

// "application/json" of "Application/JSON; charset=utf-8".
[[nodiscard]] std::string media_type(std::string_view content_type);

// "name=value&…" as names and values, %XX and + decoded; at most `most` of them.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> parse_form(std::string_view text,
                                                                          std::size_t most);

}  // namespace callgate::cli
