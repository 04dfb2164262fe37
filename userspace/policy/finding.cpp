#include <algorithm>

#include <fmt/format.h>

#include "policy/document.hpp"

namespace callgate::policy {
namespace {

constexpr std::size_t widest_excerpt = 160;

// The line of `text` with the given number, from 1, without its end.
std::string_view line_of(std::string_view text, int number) {
  for (; number > 1; --number) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  text = text.substr(0, text.find('\n'));
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

bool begins_character(char c) {
  return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
}

}  // namespace

std::string format_finding(const Finding& finding, std::string_view text) {
  const auto severity = finding.severity == Finding::Severity::error ? "error" : "warning";
  std::string out;
  if (finding.line > 0) {
    out = fmt::format("{}:{}:{}: {}: {}\n", finding.file, finding.line, std::max(finding.column, 1), severity,
                      finding.message);
    std::string line(line_of(text, finding.line).substr(0, widest_excerpt));
    while (!line.empty() && !begins_character(line.back()))
      line.pop_back();
    std::replace_if(
        line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; },
        ' ');
    const auto before = static_cast<std::size_t>(std::max(finding.column, 1) - 1);
    if (!line.empty() && before <= line.size()) {
      const auto caret =
          std::count_if(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(before), begins_character);
      out += fmt::format("  {}\n  {:>{}}\n", line, "^", caret + 1);
    }
  } else {
    out = fmt::format("{}: {}: {}\n", finding.file, severity, finding.message);
  }
  if (!finding.hint.empty()) out += fmt::format("  hint: {}\n", finding.hint);
  return out;
}

}  // namespace callgate::policy
