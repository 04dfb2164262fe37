// No expression takes more work or memory than it is given.
#include <chrono>

#include "expressions.hpp"

using namespace callgate::cel;
using namespace callgate::cel::testing;

namespace {

constexpr std::string_view ten = "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]";

// `body`, evaluated a million times if it could be.
std::string loops(const std::string& body) {
  std::string source = body;
  for (int i = 0; i < 6; ++i)
    source = std::string(ten) + ".all(x" + std::to_string(i) + ", " + source + ")";
  return source;
}

// A text of some mebibytes, as `s`.
std::string with_large_text(const std::string& body) {
  std::string source = "['0123456789abcdef']";
  for (int i = 0; i < 16; ++i)
    source += ".map(t, t + t)";
  return source + ".all(s, " + body + ")";
}

}  // namespace

TEST_CASE("loops end when they have taken too many steps") {
  CHECK(value_of(loops("true")) == "!cost_exceeded");
  CHECK(value_of(loops("1 / 0 == 1")) == "!cost_exceeded");
  CHECK(value_of("[1, 2, 3].all(x, x > 0)", Host(), 1000) == "true");
  CHECK(value_of("[1, 2, 3].all(x, x > 0)", Host(), 10) == "!cost_exceeded");
  CHECK(value_of("1", Host(), 1) == "1");
  CHECK(value_of("1", Host(), 0) == "!cost_exceeded");
}

TEST_CASE("what costs too much is not absorbed as what is false") {
  CHECK(value_of("[1, 2] == [1, 2]", Host(), 4) == "!cost_exceeded");
  CHECK(value_of("[1, 2] != [1, 2]", Host(), 4) == "!cost_exceeded");
  CHECK(value_of("1 in [2, 3, 4, 5]", Host(), 8) == "!cost_exceeded");
}

TEST_CASE("texts and lists that double end at the arena's limit") {
  std::string text = "['0123456789abcdef']";
  std::string list = "[[0, 1, 2, 3]]";
  for (int i = 0; i < 40; ++i) {
    text += ".map(t, t + t)";
    list += ".map(l, l + l)";
  }
  CHECK(value_of("size(" + text + "[0])") == "!cost_exceeded");
  CHECK(value_of("size(" + list + "[0])") == "!cost_exceeded");
  CHECK(value_of(with_large_text("size(s) == 1048576")) == "true");
}

TEST_CASE("a small arena is enough for small expressions") {
  const Program program = compiled("'a' + 'b' == 'ab'");
  const Host host;
  Arena small(64);
  CHECK(program.evaluate(host, small).is_true());
  Arena none(0);
  CHECK(show(program.evaluate(host, none), none) == "!cost_exceeded");
}

TEST_CASE("an arena is used again, and keeps to its limit") {
  const Program program = compiled("('0123456789abcdef' + text).size() > 0");
  Host host;
  const std::string large(40'000, 'x');
  host.values["text"] = Value::string(large);
  Arena arena(80'000);
  for (int i = 0; i < 1000; ++i) {
    REQUIRE(program.evaluate(host, arena).is_true());
    arena.clear();
  }
  CHECK(program.evaluate(host, arena).is_true());
  CHECK(show(program.evaluate(host, arena), arena) == "!cost_exceeded");
}

TEST_CASE("work on large texts is charged by their size") {
  const auto begin = std::chrono::steady_clock::now();
  const std::string bodies[] = {
      "s.contains(s + 'x')",
      "s.startsWith(s.substring(1))",
      "s.endsWith(s.substring(1))",
      "s.indexOf('x') < 0",
      "s.lastIndexOf(s.substring(8)) < 0",
      "s.matches('x.*y$')",
      "s.matches(s)",
      "int(s) > 0",
      "double(s) > 0.0",
      "timestamp(s) > timestamp(0)",
      "duration(s) > duration('0')",
      "bool(s)",
      "bytes(s).size() > 0",
      "string(bytes(s)).size() > 0",
      "s.lowerAscii() == s",
      "s.reverse() == s",
      "s.trim() == s + ' '",
      "s.replace('0', '1') == s",
      "s.replace('', '1') == s",
      "s.split('') == []",
      "[s, s, s, s, s, s, s, s].join() == ''",
      "'%s%s%s%s'.format([s, [s, s, s], {'a': s}, s]) == ''",
      "'%x'.format([s]) == ''",
      "{s: 1}[s + 'x'] == 1",
      "(s + 'x') in {s: 1}",
      "s + 'x' == s + 'y'",
      "[s] == [s + 'x']",
      "strings.quote(s) == ''",
      "size(s) < 0",
      "s < s",
  };
  for (const auto& body : bodies) {
    INFO(body);
    const auto value = value_of(with_large_text(loops("(" + body + ") || true")));
    CHECK((value == "!cost_exceeded" || value == "true"));
  }
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(60));
}

TEST_CASE("searching takes no more than linear time") {
  const std::string hay(1'000'000, 'a');
  const std::string needle = std::string(400'000, 'a') + "b";
  Host host;
  host.values["text"] = Value::string(hay);
  host.values["any"] = Value::string(needle);
  const auto begin = std::chrono::steady_clock::now();
  CHECK(value_of("text.contains(any)", host) == "false");
  CHECK(value_of("text.indexOf(any)", host) == "-1");
  CHECK(value_of("text.lastIndexOf(any)", host) == "!cost_exceeded");
  CHECK(value_of("text.split(any).size()", host) == "1");
  CHECK(value_of("text.replace(any, '').size()", host) == "1000000");
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(10));
}

TEST_CASE("patterns cost what they may take") {
  const std::string hay(500'000, 'a');
  Host host;
  host.values["text"] = Value::string(hay);
  CHECK(value_of("text.matches('^a*$')", host) == "true");
  CHECK(value_of("text.matches('(a|b|[a-z]{20}){40}[^a]$')", host) == "!cost_exceeded");
  CHECK(value_of(loops("'a'.matches('[ab]{' + '50}') || true")) == "!cost_exceeded");
  const std::string large(5000, 'a');
  host.values["any"] = Value::string(large);
  CHECK(value_of("'a'.matches(any)", host) == "!invalid_argument");
}

TEST_CASE("values that are nested without end cost too much, and no stack") {
  // Each level nests what the one around it made by hundreds of levels.
  constexpr int levels = 60;
  std::string source = "x" + std::to_string(levels - 1) + " == x" + std::to_string(levels - 1);
  for (int i = levels - 1; i >= 0; --i) {
    const int brackets = 180 - i;
    const std::string inner = i == 0 ? "1" : "x" + std::to_string(i - 1);
    source = "[" + std::string(static_cast<std::size_t>(brackets), '[') + inner +
             std::string(static_cast<std::size_t>(brackets), ']') + "].all(x" + std::to_string(i) + ", " +
             source + ")";
  }
  CHECK(value_of(source) == "!cost_exceeded");
  std::string few = "[[[[1]]]]";
  CHECK(value_of(few + " == " + few) == "true");
}
