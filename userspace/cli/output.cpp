#include "cli/output.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <numeric>
#include <ostream>

#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/text.hpp"

namespace callgate::cli {
namespace {

constexpr std::size_t gap = 2;
constexpr std::size_t narrowest = 10;

const char* escape_of(Colour colour) {
  switch (colour) {
    case Colour::good:
      return "\x1b[32m";
    case Colour::bad:
      return "\x1b[31m";
    case Colour::warning:
      return "\x1b[33m";
    case Colour::strong:
      return "\x1b[1m";
    case Colour::faint:
      return "\x1b[2m";
    case Colour::none:
      return "";
  }
  return "";
}

// Takes from the widest flexible columns first, until all fit or none can give more.
void fit(std::vector<std::size_t>& widths, const std::vector<Column>& columns, std::size_t available) {
  const std::size_t gaps = gap * (widths.size() - 1);
  for (auto total = std::accumulate(widths.begin(), widths.end(), gaps); total > available; --total) {
    std::size_t widest = widths.size();
    for (std::size_t index = 0; index < widths.size(); ++index) {
      if (!columns[index].flexible || widths[index] <= std::max(narrowest, width(columns[index].title)))
        continue;
      if (widest == widths.size() || widths[index] > widths[widest]) widest = index;
    }
    if (widest == widths.size()) return;
    --widths[widest];
  }
}

}  // namespace

std::string Output::paint(std::string_view text, Colour colour_) const {
  if (!colour || colour_ == Colour::none) return std::string(text);
  return std::string(escape_of(colour_)) + std::string(text) + "\x1b[0m";
}

void adapt_to_terminal(Output& output, bool no_color) {
  output.is_terminal = ::isatty(STDOUT_FILENO) != 0;
  if (!output.is_terminal) return;
  const char* const no_color_variable = std::getenv("NO_COLOR");
  const char* const terminal = std::getenv("TERM");
  output.colour = !no_color && (no_color_variable == nullptr || *no_color_variable == '\0') &&
                  terminal != nullptr && std::string_view(terminal) != "dumb";
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) output.columns = size.ws_col;
  if (const char* const given = std::getenv("COLUMNS"); given != nullptr) {
    const std::string_view columns = given;
    unsigned value = 0;
    const auto [end, error] = std::from_chars(columns.begin(), columns.end(), value);
    if (error == std::errc{} && end == columns.end() && value > 0) output.columns = value;
  }
}

void Table::print(const Output& output) {
  std::vector<std::vector<Cell>> lines;
  if (!titled_) {
    auto& titles = lines.emplace_back();
    for (const auto& column : columns_)
      titles.emplace_back(column.title, Colour::strong);
  }
  titled_ = true;
  for (const auto& row : rows_) {
    auto& line = lines.emplace_back();
    for (const auto& cell : row)
      line.emplace_back(cell.text.empty() ? "-" : safe(cell.text), cell.colour);
  }
  rows_.clear();
  widths_.resize(columns_.size(), 0);
  for (const auto& line : lines) {
    for (std::size_t index = 0; index < line.size(); ++index)
      widths_[index] = std::max(widths_[index], width(line[index].text));
  }
  auto widths = widths_;
  if (output.columns > 0) fit(widths, columns_, output.columns);
  for (const auto& line : lines) {
    std::string text;
    std::size_t owed = 0;  // spaces that are written only if something follows
    for (std::size_t index = 0; index < line.size(); ++index) {
      const auto shown = shorten(line[index].text, widths[index]);
      const std::size_t padding = widths[index] - width(shown);
      if (columns_[index].right) owed += padding;
      text += std::string(owed, ' ') + output.paint(shown, line[index].colour);
      owed = gap + (columns_[index].right ? 0 : padding);
    }
    output.out << text << '\n';
  }
}

}  // namespace callgate::cli
