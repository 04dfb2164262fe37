// What operators and functions make of values, type by type.
#include "expressions.hpp"

using namespace callgate::cel;
using namespace callgate::cel::testing;

TEST_CASE("whole numbers") {
  static constexpr Case cases[] = {
      {"7 / 2", "3"},
      {"-7 / 2", "-3"},
      {"-7 % 2", "-1"},
      {"9223372036854775807 + 1", "!overflow"},
      {"-9223372036854775808 - 1", "!overflow"},
      {"9223372036854775807 * 2", "!overflow"},
      {"-(-9223372036854775808)", "!overflow"},
      {"-9223372036854775808 / -1", "!overflow"},
      {"-9223372036854775808 % -1", "!overflow"},
      {"1 / 0", "!division_by_zero"},
      {"1 % 0", "!modulus_by_zero"},
      {"1u - 2u", "!overflow"},
      {"18446744073709551615u + 1u", "!overflow"},
      {"7u / 2u * 2u % 4u", "2u"},
      {"1u / 0u", "!division_by_zero"},
      {"1u % 0u", "!modulus_by_zero"},
  };
  check(cases);
}

TEST_CASE("doubles") {
  static constexpr Case cases[] = {
      {"1.0 / 0.0", "Infinity"},
      {"-1.0 / 0.0", "-Infinity"},
      {"0.0 / 0.0 == 0.0 / 0.0", "false"},
      {"0.0 / 0.0 != 0.0 / 0.0", "true"},
      {"0.0 / 0.0 < 1.0 || 0.0 / 0.0 >= 1.0", "false"},
      {"0.0 == -0.0", "true"},
      {"0.1 + 0.2", "0.30000000000000004"},
  };
  check(cases);
}

TEST_CASE("numbers of different types compare by value") {
  static constexpr Case cases[] = {
      {"1 < 2u && 1u < 1.5 && 2.5 > 2", "true"},
      {"-1 < 0u", "true"},
      // The conformance cases want the ends of the ranges to be compared as doubles.
      {"9223372036854775807 < 9223372036854775808.0", "false"},
      {"9223372036854775807 > 9223372036854774784.0", "true"},
      {"18446744073709551615u < 18446744073709551616.0", "true"},
      {"dyn(1) == 1u && dyn(1u) == 1.0 && dyn(1.0) == 1", "true"},
      {"dyn(9007199254740993) == 9007199254740992.0", "false"},
      {"dyn(-1) == 18446744073709551615u", "false"},
      {"1 in [dyn(1u), 'a'] && 1.0 in [dyn(1)]", "true"},
      {"{1: 'a'}[dyn(1u)] + {1u: 'b'}[dyn(1.0)]", "\"ab\""},
      {"{1: 'a'}[dyn(1.5)]", "!no_such_key"},
      {"[10, 20][dyn(1.0)]", "20"},
      {"[10, 20][dyn(1u)]", "20"},
  };
  check(cases);
}

TEST_CASE("values of different types are different, and have no order") {
  static constexpr Case cases[] = {
      {"dyn(1) == 'a'", "false"},
      {"dyn('a') != b'a'", "true"},
      {"dyn(null) == false", "false"},
      {"dyn([1]) == {0: 1}", "false"},
      {"dyn(1) < 'a'", "!no_such_overload"},
      {"dyn(now) == 1", "!no_such_variable"},
  };
  check(cases);
  CHECK(unchecked("1 == 'a'") == "false");
  CHECK(unchecked("1 < 'a'") == "!no_such_overload");
  CHECK(unchecked("1 + 'a'") == "!no_such_overload");
  CHECK(unchecked("!1") == "!no_such_overload");
  CHECK(unchecked("nothing(1)") == "!no_such_overload");
  CHECK(unchecked("nothing") == "!no_such_variable");
}

TEST_CASE("lists") {
  static constexpr Case cases[] = {
      {"[1, 2] + [3]", "[1, 2, 3]"},     {"[1][1]", "!invalid_argument"},
      {"[1][-1]", "!invalid_argument"},  {"[1][dyn(0.5)]", "!no_such_overload"},
      {"size([1, 2]) + [].size()", "2"}, {"[[1, 2], [3]] == [[1, 2], [3]]", "true"},
      {"[1] == [1, 2]", "false"},        {"2 in [1, 2] && !(3 in [1, 2])", "true"},
  };
  check(cases);
}

TEST_CASE("maps") {
  static constexpr Case cases[] = {
      {"{'a': 1}['a'] + {'b': 2}.b", "3"},
      {"{'a': 1}['b']", "!no_such_key"},
      {"{'a': 1}.b", "!no_such_key"},
      {"{'a': 1, 'a': 2}", "!duplicate_key"},
      {"{1: 'a', dyn(1u): 'b'}", "!duplicate_key"},
      {"'a' in {'a': null}", "true"},
      {"has({'a': null}.a) && !has({'a': 1}.b)", "true"},
      {"{'a': 1, 'b': 2} == {'b': 2, 'a': 1}", "true"},
      {"{'a': 1} == {'a': 2}", "false"},
      {"{true: 1}[true]", "1"},
      {"{'a-b': 1}.`a-b`", "1"},
  };
  check(cases);
}

TEST_CASE("macros") {
  static constexpr Case cases[] = {
      {"[1, 2, 3].all(x, x > 0)", "true"},
      {"[1, 2, 3].exists(x, x > 2)", "true"},
      {"[1, 2, 3].exists_one(x, x > 2)", "true"},
      {"[1, 2, 3].exists_one(x, x > 1)", "false"},
      {"[].all(x, false) && ![].exists(x, true)", "true"},
      {"[1, 2, 3].map(x, x * 2)", "[2, 4, 6]"},
      {"[1, 2, 3].map(x, x != 2, x * 2)", "[2, 6]"},
      {"[1, 2, 3].filter(x, x != 2)", "[1, 3]"},
      {"{'a': 1, 'b': 2}.map(k, k)", R"(["a", "b"])"},
      {"[5, 6].all(i, v, v == i + 5)", "true"},
      {"[5, 6].exists(i, v, i == 1 && v == 6)", "true"},
      {"[5, 6].existsOne(i, v, v > 5)", "true"},
      {"[5, 6].transformList(i, v, i + v)", "[5, 7]"},
      {"[5, 6].transformList(i, v, i > 0, i + v)", "[7]"},
      {"{'a': 1, 'b': 2}.transformMap(k, v, v * 2)", R"({"a": 2, "b": 4})"},
      {"{'a': 1, 'b': 2}.transformMap(k, v, k != 'a', v * 2)", R"({"b": 4})"},
      {"[1, 2].map(x, [3, 4].map(y, x * y))", "[[3, 4], [6, 8]]"},
      {"[1].map(x, [2].map(x, x)[0] + x)", "[3]"},
      {"[1, 0].exists(x, 2 / x == 1)", "!division_by_zero"},
      {"[0, 2].exists(x, 2 / x == 1)", "true"},
      {"[0, 2].all(x, 2 / x == 2)", "false"},
      {"[0, 2].exists_one(x, 2 / x == 1)", "!division_by_zero"},
      {"[0].map(x, 1 / x)", "!division_by_zero"},
  };
  check(cases);
}

TEST_CASE("texts are sequences of code points") {
  static constexpr Case cases[] = {
      {"size('h\u00e9llo \U0001F600')", "7"},
      {"size(b'h\u00e9')", "3"},
      {"'abc'.contains('bc') && 'abc'.contains('') && !'abc'.contains('x')", "true"},
      {"'abc'.startsWith('ab') && 'abc'.endsWith('bc')", "true"},
      {"'a' < 'b' && b'a' < b'b' && 'a' < 'aa'", "true"},
      {"'abc'.matches('^a.c$') && 'abc'.matches('b') && !'abc'.matches('^b')", "true"},
      {"'abc'.matches('a' + '.c')", "true"},
      {"'abc'.matches('(' + '')", "!invalid_argument"},
      {"'h\u00e9llo'.charAt(1) + 'a'.charAt(1)", "\"\u00e9\""},
      {"'a'.charAt(2)", "!invalid_argument"},
      {"'a'.charAt(-1)", "!invalid_argument"},
      {"'h\u00e9llo'.substring(1, 3)", "\"\u00e9l\""},
      {"'h\u00e9llo'.substring(5) + 'h\u00e9llo'.substring(4)", "\"o\""},
      {"'abc'.substring(2, 1)", "!invalid_argument"},
      {"'abc'.substring(0, 4)", "!invalid_argument"},
      {"'\u00e9a\u00e9a'.indexOf('a')", "1"},
      {"'\u00e9a\u00e9a'.indexOf('a', 2)", "3"},
      {"'\u00e9a\u00e9a'.lastIndexOf('a')", "3"},
      {"'\u00e9a\u00e9a'.lastIndexOf('a', 2)", "1"},
      {"'abc'.indexOf('x')", "-1"},
      {"'abc'.indexOf('', 3)", "3"},
      {"'abc'.indexOf('', 4)", "!invalid_argument"},
      {"'abc'.lastIndexOf('')", "3"},
      {"''.indexOf('')", "0"},
      {"' \\t\u00a0a b\u3000'.trim()", "\"a b\""},
      {"'  '.trim()", "\"\""},
      {"'h\u00e9'.reverse()", "\"\u00e9h\""},
      {"'AbZ\u00c9'.lowerAscii() + 'abz\u00e9'.upperAscii()", "\"abz\u00c9ABZ\u00e9\""},
      {"'a,b,c'.split(',')", R"(["a", "b", "c"])"},
      {"'a,b,c'.split(',', 2)", R"(["a", "b,c"])"},
      {"'a,b,c'.split(',', 0)", "[]"},
      {"'h\u00e9'.split('')", "[\"h\", \"\u00e9\"]"},
      {"''.split(',')", R"([""])"},
      {"['a', 'b'].join('-') + ['c', 'd'].join()", "\"a-bcd\""},
      {"'aaa'.replace('a', 'b', 2) + 'abab'.replace('ab', '')", "\"bba\""},
      {"'ab'.replace('', '-')", "\"-a-b-\""},
      {R"(strings.quote("a\"b\n"))", R"xx(""a\"b\n"")xx"},
  };
  check(cases);
}

TEST_CASE("format() puts values into a text") {
  static constexpr Case cases[] = {
      {"'%s is %d, %.2f, %e, %b, %o, %x, %X%%'.format(['a', 5, 1.0, 1000.0, 5, 8, 255, 'z'])",
       "\"a is 5, 1.00, 1.000000e+03, 101, 10, ff, 7A%\""},
      {"'%s'.format([[1, 'a', {'b': null, 'a': true}]])", "\"[1, a, {a: true, b: null}]\""},
      {"'%s'.format([])", "!invalid_argument"},
      {"'%'.format([1])", "!invalid_argument"},
      {"'%d'.format(['a'])", "!invalid_argument"},
      {"'%q'.format(['a'])", "!invalid_argument"},
      {"'%.999f'.format([1.0])", "!invalid_argument"},
      {"'%.100f'.format([1e308]).size() > 400", "true"},
  };
  check(cases);
}

TEST_CASE("conversions") {
  static constexpr Case cases[] = {
      {"int('42') + int('-1') + int('+1') + int(2u) + int(3.9)", "47"},
      {"int('+-5')", "!invalid_argument"},
      {"int('')", "!invalid_argument"},
      {"int('9223372036854775808')", "!invalid_argument"},
      {"int(9.3e18)", "!range"},
      {"int(0.0 / 0.0)", "!range"},
      {"int(18446744073709551615u)", "!range"},
      {"int(timestamp('1970-01-01T00:01:00Z'))", "60"},
      {"uint(5) + uint('6') + uint(7.9)", "18u"},
      {"uint(-1)", "!range"},
      {"uint('-1')", "!invalid_argument"},
      {"double(1) + double(2u) + double('1.5')", "4.5"},
      {"double(' 1')", "!invalid_argument"},
      {"double('\\n1')", "!invalid_argument"},
      {"double('0x10')", "!invalid_argument"},
      {"double('')", "!invalid_argument"},
      {"string(1) + string(2u) + string(1.5) + string(true) + string(b'x')", "\"121.5truex\""},
      {"string(b'\\xff')", "!invalid_argument"},
      {"bytes('\u00e9') == b'\\xc3\\xa9'", "true"},
      {"bool('true') && bool('1') && !bool('False')", "true"},
      {"bool('yes')", "!invalid_argument"},
      {"string(duration('90m')) + string(timestamp(0))", "\"5400s1970-01-01T00:00:00Z\""},
      {"type(1) == int && type([]) == list && type(null) == null_type && type(type(1)) == type", "true"},
      {"type(timestamp(0)) == google.protobuf.Timestamp", "true"},
      {"dyn(1) + 1", "2"},
  };
  check(cases);
}

TEST_CASE("messages that are values") {
  static constexpr Case cases[] = {
      {"google.protobuf.StringValue{value: 'a'} + 'b'", "\"ab\""},
      {"google.protobuf.UInt64Value{}", "0u"},
      {"google.protobuf.Struct{fields: {'a': 1.0}}.a", "1.0"},
      {"google.protobuf.ListValue{values: [1.0, 'a']}", R"([1.0, "a"])"},
      {"google.protobuf.Value{null_value: google.protobuf.NullValue.NULL_VALUE}", "null"},
      {"google.protobuf.Int32Value{value: 2147483648}", "!range"},
      {"google.protobuf.Duration{seconds: 1, nanos: 500000000}", "duration(\"1.5s\")"},
      {"google.protobuf.Duration{seconds: 1, nanos: -1}", "!range"},
      {"google.protobuf.Duration{seconds: -9223372036854775808}", "!range"},
      {"google.protobuf.Duration{nanos: -9223372036854775808}", "!range"},
      {"google.protobuf.Timestamp{seconds: 253402300800}", "!range"},
  };
  check(cases);
}

TEST_CASE("math") {
  static constexpr Case cases[] = {
      {"math.greatest(1, 3, 2)", "3"},
      {"math.least([1.5, 0.5])", "0.5"},
      {"math.greatest(1, 2u, 1.5)", "2u"},
      {"math.ceil(1.2) + math.floor(1.8) + math.round(1.5) + math.trunc(-1.9)", "4.0"},
      {"math.abs(-5) + math.sign(-2)", "4"},
      {"math.abs(-9223372036854775808)", "!overflow"},
      {"math.isNaN(0.0 / 0.0) && math.isInf(1.0 / 0.0) && math.isFinite(1.0)", "true"},
      {"math.bitAnd(6, 3) + math.bitOr(6, 3) + math.bitXor(6, 3) + math.bitNot(0)", "13"},
      {"math.bitShiftLeft(1, 63) == -9223372036854775808 && math.bitShiftLeft(1, 64) == 0", "true"},
      {"math.bitShiftRight(-1, 63)", "1"},
      {"math.bitShiftLeft(1, -1)", "!invalid_argument"},
      {"math.sqrt(16) + math.sqrt(4u)", "6.0"},
      {"math.greatest(dyn([]))", "!invalid_argument"},
  };
  check(cases);
}
