#include "cel/checker.hpp"

#include "expressions.hpp"

using namespace callgate::cel;
using namespace callgate::cel::testing;

TEST_CASE("expressions have types") {
  static constexpr Case cases[] = {
      {"1", "int"},
      {"1u", "uint"},
      {"1.0", "double"},
      {"'a'", "string"},
      {"b'a'", "bytes"},
      {"null", "null_type"},
      {"now", "timestamp"},
      {"now - now", "duration"},
      {"[]", "list(dyn)"},
      {"[1]", "list(int)"},
      {"[1, 'a']", "list(dyn)"},
      {"[[], [1]]", "list(list(int))"},
      {"{'a': [1u]}", "map(string, list(uint))"},
      {"call", "test.Call"},
      {"call.headers", "map(string, string)"},
      {"call.headers['a']", "string"},
      {"call.headers.a", "string"},
      {"call.body", "dyn"},
      {"call.body.a[0]", "dyn"},
      {"call.method == 'GET'", "bool"},
      {"caller.groups.map(g, size(g))", "list(int)"},
      {"caller.groups.filter(g, g != '')", "list(string)"},
      {"{'a': 1}.transformMap(k, v, v > 0)", "map(string, bool)"},
      {"true ? 1 : 2", "int"},
      {"any ? 1 : any", "int"},
      {"type(1)", "type(int)"},
      {"math.greatest(1, 2)", "int"},
      {"math.greatest(1, 2.0)", "dyn"},
      {"any + 1", "int"},
      {"any + any", "dyn"},
      {"'a,b'.split(',')", "list(string)"},
  };
  for (const Case& one : cases) {
    INFO(one.source);
    CHECK(compiled(one.source).type().text() == one.value);
  }
}

TEST_CASE("what does not fit has a place, a message and a hint") {
  static constexpr Case cases[] = {
      {"call.pth == '/'", "1:6: call has no field `pth` [did you mean `path`?]"},
      {"true &&\n  call.metod == 'GET'", "2:8: call has no field `metod` [did you mean `method`?]"},
      {"cal.path", "1:1: there is no `cal` [did you mean `call`?]"},
      {"caller.x", "1:8: caller has no field `x` [known here: `name`, `groups`]"},
      {"call.path.startWith('/')", "1:11: there is no function `startWith` [did you mean `startsWith`?]"},
      {"call.path + 1 == ''", "1:11: `+` is not for string and int"},
      {"1 == 'a'", "1:3: `==` is not for int and string"},
      {"1 in ['a']", "1:3: `in` is not for int and list(string)"},
      {"size(1)", "1:1: `size` is not for int"},
      {"call.path && true", "1:6: `&&` needs a bool, and this is a string"},
      {"1 ? 2 : 3", "1:1: `?` needs a bool, and this is a int"},
      {"true ? 1 : 'a'",
       "1:6: the results of `? :` are a int and a string [make both the same, or write dyn() around one]"},
      {"1.all(x, true)", "1:1: `all` goes over a list or a map, and this is a int"},
      {"[1].all(x, x)", "1:12: `all` needs a bool, and this is a int"},
      {"{1.5: 1}", "1:2: a double cannot be a key of a map"},
      {"1.a", "1:3: a int has no field `a`"},
      {"{1: 2}.a", "1:8: the keys of this map are no strings [write map[key]]"},
      {"a.B{}", "1:3: there is no message `a.B` [a map is written {\"key\": value}]"},
      {"google.protobuf.Int32Value{val: 1}", "1:28: google.protobuf.Int32Value has no field `val`"},
      {"math.greatest()",
       "1:6: `math.greatest` is not for no arguments [write numbers, or a list of them that is not empty]"},
  };
  for (const Case& one : cases) {
    INFO(one.source);
    CHECK(issue(one.source) == one.value);
  }
}

TEST_CASE("literals that a function cannot read are faults of the expression") {
  CHECK(issue("call.path.matches('(')").starts_with("1:19: the pattern cannot be used: "));
  CHECK(issue("matches(call.path, '(')").starts_with("1:20: the pattern cannot be used: "));
  CHECK(issue("timestamp('yesterday') < now").starts_with("1:11: `yesterday` is no timestamp"));
  CHECK(issue("duration('soon')").starts_with("1:10: `soon` is no duration"));
  CHECK(issue("now.getHours('Mars/Olympus')").starts_with("1:14: `Mars/Olympus` is no time zone"));
  CHECK(issue("now.getHours('/etc/localtime')").starts_with("1:14: "));
  CHECK(issue("now.getHours('Europe/Berlin') + now.getHours('-02:30') + now.getHours('UTC')").empty());
}

TEST_CASE("patterns that are too large are faults of the expression") {
  const std::string large = "text.matches('" + std::string(4097, 'a') + "')";
  CHECK(issue(large) == "1:14: the pattern cannot be used: it is longer than 4096 bytes");
  CHECK(issue("text.matches('((a{100}){100}){100}')").find("the pattern cannot be used") !=
        std::string::npos);
}

TEST_CASE("the host asks for the type that it needs") {
  CompileOptions options;
  options.result = parse_type("bool");
  CHECK(issue("call.method == 'GET'", options).empty());
  CHECK(issue("any", options).empty());
  CHECK(issue("call.method", options) ==
        "1:6: the expression is a string, and a bool is needed [compare it with something]");
}

TEST_CASE("a program knows which variables and fields it uses") {
  const auto uses = [](std::string_view source, std::string_view path) {
    return compiled(source).uses(path);
  };
  CHECK(uses("call.body.a == 1", "call"));
  CHECK(uses("call.body.a == 1", "call.body"));
  CHECK_FALSE(uses("call.body.a == 1", "call.path"));
  CHECK_FALSE(uses("call.body.a == 1", "caller"));
  CHECK(uses("has(call.headers.a)", "call.headers"));
  CHECK(uses("caller.groups.exists(g, g == call.path)", "call.path"));
  CHECK(uses("false && call.size > 1", "call.size"));
  CHECK_FALSE(uses("[{'body': 1}].all(call, call.body == 1)", "call.body"));
}

TEST_CASE("an object that is used as a whole is used with all of its fields") {
  for (const auto* const source : {"[call].exists(c, c.body == 1)", "(true ? call : call).body == 1",
                                   "dyn(call).body == 1", "call == call", "call"}) {
    INFO(source);
    CHECK(compiled(source).uses("call.body"));
    CHECK(compiled(source).uses("call.path"));
    CHECK_FALSE(compiled(source).uses("caller.name"));
  }
}

TEST_CASE("libraries can be left out") {
  Environment small = environment();
  small.enable(Library::strings, false);
  small.enable(Library::math, false);
  const auto message = [&](std::string_view source) {
    const auto made = compile(source, small);
    const auto* wrong = std::get_if<Issue>(&made);
    return wrong == nullptr ? std::string() : wrong->message;
  };
  CHECK(message("'a'.upperAscii() == 'A'") == "there is no function `upperAscii`");
  CHECK(message("math.abs(-1) == 1") != "");
  CHECK(message("'a'.startsWith('A') || size('a') == 1") == "");
  CHECK(issue("'a'.upperAscii() == 'A' && math.abs(-1) == 1").empty());
}

TEST_CASE("names are looked for in the container, the innermost first") {
  Environment nested;
  nested.declare("a.b.x", parse_type("int"));
  nested.declare("a.y", parse_type("string"));
  nested.declare("y", parse_type("bool"));
  nested.set_container("a.b");
  const auto type = [&](std::string_view source) {
    const auto made = compile(source, nested);
    return std::holds_alternative<Program>(made) ? std::get<Program>(made).type().text() : "none";
  };
  CHECK(type("x") == "int");
  CHECK(type("b.x") == "int");
  CHECK(type("y") == "string");
  CHECK(type(".y") == "bool");
  CHECK(type(".x") == "none");
}

TEST_CASE("declarations are there once") {
  Environment twice = environment();
  CHECK_THROWS_AS(twice.declare("now", parse_type("int")), std::invalid_argument);
  CHECK_THROWS_AS(twice.declare(ObjectType{"test.Call", {}}), std::invalid_argument);
  CHECK_THROWS_AS(parse_type("list(nothing)"), std::invalid_argument);
}

TEST_CASE("types that refer to one another without end are refused in good time") {
  std::string source = "true";
  std::string closing;
  for (int i = 0; i < 60; ++i) {
    const auto m = "m" + std::to_string(i);
    const auto inner = i == 0 ? "1" : "m" + std::to_string(i - 1);
    source = i == 0 ? "[{}].all(m0, 1 in m0 && m0[1] == 1 && "
                    : source + "[{}].all(" + m + ", [" + inner + "] in [" + m + "] || dyn({})[" + inner +
                          "] == " + m + " || " + inner + " in " + m + " || " + m + "[" + inner +
                          "] == " + inner + " || ";
    closing += ")";
  }
  // Checked or refused; in any case soon.
  const auto made = compile(source + "true" + closing, environment());
  CHECK((std::holds_alternative<Program>(made) || !std::get<Issue>(made).message.empty()));

  std::string deep = "x";
  for (int i = 0; i < 100; ++i)
    deep = "[" + deep + "]";
  CHECK(compiled("[1].map(x, " + deep + ")").type().text().find("dyn") != std::string::npos);
}
