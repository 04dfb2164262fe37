// Where a command writes, and tables for people.
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

namespace callgate::cli {

enum class Colour { none, good, bad, warning, strong, faint };

struct Output {
  std::ostream& out;
  std::ostream& err;
  bool json = false;
  bool colour = false;
  bool is_terminal = false;  // standard output
  std::size_t columns = 0;   // of the terminal; 0: not a terminal, nothing is shortened

  [[nodiscard]] std::string paint(std::string_view text, Colour colour_) const;
};

// The colour and the width of standard output, as the terminal and the environment (NO_COLOR, COLUMNS) say.
void adapt_to_terminal(Output& output, bool no_color);

struct Cell {
  Cell(std::string text_, Colour colour_ = Colour::none) : text(std::move(text_)), colour(colour_) {}
  Cell(const char* text_) : text(text_) {}
  std::string text;
  Colour colour = Colour::none;
};

struct Column {
  std::string title;
  bool flexible = false;  // may be shortened where the terminal is narrow
  bool right = false;     // numbers
};

// Columns aligned under their titles. Texts are made safe here.
class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
  // Prints the rows that were added since the last time, as wide as those before at least; the titles come
  // first, and once.
  void print(const Output& output);

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
  std::vector<std::size_t> widths_;
  bool titled_ = false;
};

}  // namespace callgate::cli
