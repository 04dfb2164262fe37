#include "cel/parser.hpp"

#include "expressions.hpp"

using namespace callgate::cel;
using namespace callgate::cel::testing;

namespace {

std::string repeated(std::string_view text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i)
    all += text;
  return all;
}

}  // namespace

TEST_CASE("literals have the values that they are written as") {
  static constexpr Case cases[] = {
      {"42", "42"},
      {"-9223372036854775808", "-9223372036854775808"},
      {"0xff", "255"},
      {"-0x10", "-16"},
      {"18446744073709551615u", "18446744073709551615u"},
      {"0XFFu", "255u"},
      {".5", "0.5"},
      {"1e3", "1000.0"},
      {"-2.5E-1", "-0.25"},
      {"true", "true"},
      {"null", "null"},
      {"'single'", "\"single\""},
      {R"("tab\tquote\"hex\x41oct\101uni\u00e9big\U0001F600")",
       "\"tab\tquote\"hexAoctAuni\u00e9big\U0001F600\""},
      {R"(r"\d\")", R"("\d\")"},
      {R"(R'''two ' quotes \n''')", R"("two ' quotes \n")"},
      {"'''a\nb'''", "\"a\nb\""},
      {R"(b"\x00\377é" == b'\x00\xff\xc3\xa9')", "true"},
      {R"(br'\x' == b'\\x')", "true"},
      {"[1, 2,]", "[1, 2]"},
      {"{'a': 1, 'b': [],}", R"({"a": 1, "b": []})"},
      {"1 // the rest is a comment", "1"},
      {"google.protobuf.Int32Value{value: 5}", "5"},
  };
  check(cases);
}

TEST_CASE("operators bind as the language says") {
  static constexpr Case cases[] = {
      {"1 + 2 * 3", "7"},
      {"(1 + 2) * 3", "9"},
      {"10 - 4 - 3", "3"},
      {"2 + 3 == 5 && 1 < 2 || false", "true"},
      {"false && false || true", "true"},
      {"true ? 1 : false ? 2 : 3", "1"},
      {"false ? 1 : true ? 2 : 3", "2"},
      {"!!true", "true"},
      {"!!!true", "false"},
      {"--5", "5"},
      {"---5", "-5"},
      {"-(5)", "-5"},
      {"1 in [1] == true", "true"},
      {"[[1, 2]][0][1]", "2"},
      {"-5 + 3", "-2"},
  };
  check(cases);
}

TEST_CASE("faults in the text have a place, a message and a hint") {
  static constexpr Case cases[] = {
      {"", "1:1: the expression ends where a value is expected"},
      {"1 +", "1:4: the expression ends where a value is expected"},
      {"1 +\n  * 2", "2:3: a value is expected before `*`"},
      {"(1", "1:3: the expression ends before `)`"},
      {"[1 2]", "1:4: `]` is expected before `2`"},
      {"1 2", "1:3: the expression should end here"},
      {"a = 1", "1:3: `=` is no operator [write `==` to compare]"},
      {"true & false", "1:6: `&` and `|` are no operators [write `&&` or `||`]"},
      {"'abc", "1:5: the text does not end [close it with the quote it began with]"},
      {"'a\nb'", "1:3: a text in single quotes ends in its line [write \\n, or use three quotes]"},
      {"for", "1:1: `for` is a reserved word"},
      {"call.in", "1:6: `in` cannot be the name of a field [write it in backquotes]"},
      {"`call`", "1:1: only the name of a field can be in backquotes"},
      {"has(call)", "1:1: has() asks for a field [write has(call.body.amount)]"},
      {"[1].all(1, true)", "1:5: `all` begins with the name of its variable [write list.all(x, x > 0)]"},
      {"[1].all(i, i, true)", "1:5: the two variables of `all` have the same name"},
      {"9223372036854775808", "1:1: the number is too large [write it as a double, as in 1e20]"},
      {"1e999", "1:1: the number is too large"},
      {"12abc", "1:3: a number cannot go on like this"},
      {"#", "1:1: this character cannot be here"},
      {"[?1]", "1:2: optional values are not part of this language"},
      {"'''\n\n''' +\n", "4:1: the expression ends where a value is expected"},
  };
  for (const Case& one : cases) {
    INFO(one.source);
    CHECK(issue(one.source) == one.value);
  }
  CHECK(issue("'\\q'").find("this is no escape sequence") != std::string::npos);
  CHECK(issue("'\\ud800'").find("this is no escape sequence") != std::string::npos);
  CHECK(issue("b'\\u0041'").find("this is no escape sequence") != std::string::npos);
  CHECK(issue("'\xff'") == "1:1: the expression is not UTF-8");
}

TEST_CASE("the size of an expression is limited") {
  CompileOptions options;
  options.limits.source = 10;
  CHECK(issue("1 + 2 + 33", options).empty());
  CHECK(issue("1 + 2 + 333", options) == "1:1: the expression is longer than 10 bytes");
  options = {};
  options.limits.nodes = 5;
  CHECK(issue("[1, 2, 3, 4]", options).empty());
  CHECK(issue("[1, 2, 3, 4, 5]", options) == "1:14: the expression has too many parts");
}

TEST_CASE("nesting is limited, whatever is nested") {
  const ParseLimits limits;
  const std::size_t much = 20'000;
  const std::string deep[] = {
      repeated("(", much) + "1" + repeated(")", much),
      repeated("[", much) + repeated("]", much),
      repeated("{1:", much),
      "1" + repeated(" + 1", much / 4),
      "call" + repeated(".a", much),
      "call" + repeated("[0]", much),
      repeated("true ? 1 : ", much / 20),
      repeated("!(", much),
      repeated("-(", much),
      "[1]" + repeated(".map(x, [x]", much / 10),
      "a" + repeated("{a:", much),
  };
  for (const auto& source : deep) {
    INFO(source.substr(0, 30));
    CHECK(issue(source).find("nested too deep") != std::string::npos);
  }
  const auto fits = static_cast<std::size_t>(limits.depth - 1);
  CHECK(value_of(repeated("(", fits) + "1" + repeated(")", fits)) == "1");
  CHECK(value_of("1" + repeated(" + 1", fits - 1)) == "249");
  // These are no nesting.
  CHECK(value_of(repeated("!", much) + "true") == "true");
  CHECK(value_of("true" + repeated(" && true", much / 8)) == "true");
}

TEST_CASE("messages do not repeat long texts") {
  const std::string long_text = repeated("\u00e9", 10'000);
  CHECK(issue("timestamp('" + long_text + "')").size() < 200);
  CHECK(issue("call." + repeated("a", 10'000)).size() < 200);
  CHECK(issue(repeated("a", 10'000)).size() < 300);
  CHECK(issue("1 '" + long_text + "'").size() < 200);
}

TEST_CASE("what is nested as deep as it may be is evaluated") {
  const std::size_t deep = 120;
  CHECK(value_of(repeated("[1].all(x, ", deep) + "true" + repeated(")", deep)) == "true");
  CHECK(value_of(repeated("[1].map(x, ", deep) + "x" + repeated(")[0]", deep)) == "1");
  CHECK(value_of(repeated("true ? (", deep) + "1" + repeated(") : 2", deep)) == "1");
  CHECK(value_of(repeated("{'a': ", 240) + "1" + repeated("}", 240) + " == " + repeated("{'a': ", 240) + "1" +
                 repeated("}", 240)) == "true");
  CHECK(value_of("'a'" + repeated(".trim()", 240)) == "\"a\"");
  CHECK(value_of(repeated("dyn(", 240) + "1" + repeated(")", 240)) == "1");
}
