// Errors are values: what absorbs them, which one comes out, and what is never asked for.
#include "expressions.hpp"

using namespace callgate::cel;
using namespace callgate::cel::testing;

TEST_CASE("a value that decides absorbs errors on either side") {
  static constexpr Case cases[] = {
      {"false && 1 / 0 == 1", "false"},
      {"1 / 0 == 1 && false", "false"},
      {"true || 1 / 0 == 1", "true"},
      {"1 / 0 == 1 || true", "true"},
      {"1 / 0 == 1 || 1 % 0 == 1 || true", "true"},
      {"1 / 0 == 1 && true", "!division_by_zero"},
      {"1 / 0 == 1 || false", "!division_by_zero"},
      {"1 / 0 == 1 || 1 % 0 == 1", "!division_by_zero"},
      {"!(1 / 0 == 1)", "!division_by_zero"},
      {"[1 / 0, 1 % 0]", "!division_by_zero"},
      {"{'a': 1 / 0}", "!division_by_zero"},
      {"true ? 1 : 1 / 0", "1"},
      {"false ? 1 : 1 / 0", "!division_by_zero"},
      {"(1 / 0 == 1) ? 1 : 2", "!division_by_zero"},
      {"has({'a': 1 / 0}.b)", "!division_by_zero"},
  };
  check(cases);
  CHECK(unchecked("1 && true") == "!no_such_overload");
  CHECK(unchecked("1 && false") == "false");
  CHECK(unchecked("'a' || true") == "true");
  CHECK(unchecked("1 ? 2 : 3") == "!no_such_overload");
}

TEST_CASE("what is not known yet outranks other errors, and is absorbed like them") {
  Host host;
  host.values["call.body"] = Value::error(&pending);
  CHECK(value_of("call.body.a == 1", host) == "!pending");
  CHECK(value_of("1 / 0 == 1 || call.body.a == 1", host) == "!pending");
  CHECK(value_of("call.body.a == 1 && 1 / 0 == 1", host) == "!pending");
  CHECK(value_of("[0, 1].exists(x, x == 0 ? 1 / x == 1 : call.body.a == x)", host) == "!pending");
  CHECK(value_of("call.body.a == 1 || true", host) == "true");
  CHECK(value_of("has(call.body.a)", host) == "!pending");
  CHECK(value_of("has(call.body)", host) == "!pending");
}

TEST_CASE("errors of the host's come through as they are") {
  static constexpr Failure not_json{"body_not_json", "the body is no JSON"};
  Host host;
  host.values["call.body"] = Value::error(&not_json);
  const Program program = compiled("call.body.a == 1 && call.method == ''");
  host.values["call.method"] = Value::string("");
  Arena arena;
  const Value value = program.evaluate(host, arena);
  REQUIRE(value.is_error());
  CHECK(&value.as_error() == &not_json);
}

TEST_CASE("errors say what was missing") {
  Arena arena;
  const Host host;
  const Program program = compiled("call.headers.amount");
  const Value unset = program.evaluate(host, arena);
  CHECK(unset.as_error().code == "no_such_field");
  CHECK(unset.as_error().detail == "headers");
}

TEST_CASE("what is not needed is not asked for") {
  Host host;
  host.values["call.method"] = Value::string("GET");
  host.values["call.size"] = Value::integer(10);
  CHECK(value_of("call.method == 'POST' && call.body.amount > 100", host) == "false");
  CHECK(host.asked("call.body") == 0);
  CHECK(host.asked("call.method") == 1);
  CHECK(value_of("call.method == 'GET' || caller.name == 'x'", host) == "true");
  CHECK(host.asked("caller") == 0);
  CHECK(value_of("call.size > 5 ? 1 : call.path.size()", host) == "1");
  CHECK(host.asked("call.path") == 0);
  CHECK(value_of("[10, 20, 30].exists(x, x == call.size)", host) == "true");
  CHECK(host.asked("call.size") == 2);
  CHECK(value_of("false && now > timestamp(0)", host) == "false");
  CHECK(host.asked("now") == 0);
}
