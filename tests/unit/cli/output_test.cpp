#include "cli/output.hpp"

#include <sstream>

#include <catch2/catch.hpp>

#include "cli/text.hpp"

using namespace callgate::cli;

namespace {

std::string print(Table table, std::size_t columns = 0, bool colour = false) {
  std::ostringstream out;
  Output output{out, out};
  output.columns = columns;
  output.colour = colour;
  table.print(output);
  return out.str();
}

Table example() {
  Table table({{"NAME"}, {"FUNCTION", true}, {"CALLS", false, true}});
  table.add({"shop", "http:GET pay.internal/v1/customers/7", "12"});
  table.add({"käse-日本", "", "1234567"});
  return table;
}

}  // namespace

TEST_CASE("columns stand under their titles, whatever the characters") {
  CHECK(print(example()) ==
        "NAME       FUNCTION                                CALLS\n"
        "shop       http:GET pay.internal/v1/customers/7       12\n"
        "käse-日本  -                                     1234567\n");
}

TEST_CASE("a narrow terminal shortens what may be shortened, and nothing else") {
  const auto text = print(example(), 40);
  CHECK(text ==
        "NAME       FUNCTION                CALLS\n"
        "shop       http:GET pay.intern…       12\n"
        "käse-日本  -                     1234567\n");
  std::istringstream lines(print(example(), 10));
  for (std::string line; std::getline(lines, line);)
    CHECK(width(line) >= 10);
  CHECK(print(example(), 10).find("1234567") != std::string::npos);
}

TEST_CASE("colours do not move columns") {
  Table table({{"A"}, {"B"}});
  table.add({{"ok", Colour::good}, "x"});
  CHECK(print(table) == "A   B\nok  x\n");
  CHECK(print(table, 0, true) == "\x1b[1mA\x1b[0m   \x1b[1mB\x1b[0m\n\x1b[32mok\x1b[0m  x\n");
}

TEST_CASE("cells cannot break the table or the terminal") {
  Table table({{"A"}, {"B"}});
  table.add({"x\ny\x1b[2J", "z"});
  CHECK(print(table) == "A            B\nx\\ny\\x1b[2J  z\n");
}
