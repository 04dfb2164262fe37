#include <algorithm>

#include <fmt/format.h>

#include "config/config.hpp"

namespace callgate::config {
namespace {

constexpr std::size_t excerpt_width = 100;

bool is_continuation(char byte) {
  return (static_cast<unsigned char>(byte) & 0xc0U) == 0x80U;
}

// Control characters could move the cursor of a terminal, or hide what stands beside them.
std::string printable(std::string_view text) {
  std::string result;
  for (const char byte : text) {
    const auto value = static_cast<unsigned char>(byte);
    result += value == '\t' ? ' ' : (value < 0x20 || value == 0x7f) ? '?' : byte;
  }
  return result;
}

}  // namespace

std::string format_finding(const Finding& finding) {
  std::string text = finding.line > 0 ? fmt::format("{}:{}:{}: error: {}", finding.file, finding.line,
                                                    finding.column, finding.message)
                                      : fmt::format("{}: error: {}", finding.file, finding.message);
  text = printable(text);
  if (finding.line > 0 && !finding.excerpt.empty()) {
    const std::string_view line = finding.excerpt;
    const std::size_t column =
        std::min<std::size_t>(static_cast<std::size_t>(std::max(finding.column, 1)) - 1, line.size());
    // Of a long line, the part around the place.
    std::size_t start =
        column > excerpt_width / 2 && line.size() > excerpt_width ? column - excerpt_width / 2 : 0;
    while (start > 0 && is_continuation(line[start]))
      --start;
    std::size_t end = std::min(line.size(), start + excerpt_width);
    while (end < line.size() && is_continuation(line[end]))
      ++end;
    const auto before = line.substr(start, column - start);
    const auto width = before.size() -
                       static_cast<std::size_t>(std::count_if(before.begin(), before.end(), is_continuation));
    text += fmt::format("\n  {:>5} | {}\n        | {:>{}}", finding.line,
                        printable(line.substr(start, end - start)), '^', width + 1);
  }
  if (!finding.hint.empty()) text += "\n  hint: " + printable(finding.hint);
  return text;
}

}  // namespace callgate::config
