// Values that the host gives: objects, lists and maps of its own, and JSON.

#include "cel/json.hpp"
#include "expressions.hpp"

using namespace callgate::cel;
using namespace callgate::cel::testing;

namespace {

// Header fields, found in any case.
class Headers final : public Map {
 public:
  [[nodiscard]] std::size_t size() const override { return 2; }
  [[nodiscard]] Value find(const Value& key, Arena& arena) const override {
    if (!key.is(Kind::string)) return {};
    for (std::size_t i = 0; i < size(); ++i) {
      const auto name = key_at(i, arena).as_text();
      if (name.size() == key.as_text().size() &&
          ::strncasecmp(name.data(), key.as_text().data(), name.size()) == 0)
        return value_at(i, arena);
    }
    return {};
  }
  [[nodiscard]] Value key_at(std::size_t index, Arena&) const override {
    return Value::string(index == 0 ? "accept" : "x-amount");
  }
  [[nodiscard]] Value value_at(std::size_t index, Arena&) const override {
    return Value::string(index == 0 ? "*/*" : "100");
  }
};

// Counts up, one element at a time.
class Numbers final : public List {
 public:
  [[nodiscard]] std::size_t size() const override { return 1'000'000'000; }
  [[nodiscard]] Value at(std::size_t index, Arena&) const override {
    return Value::integer(static_cast<std::int64_t>(index));
  }
};

}  // namespace

TEST_CASE("objects give their fields") {
  Host host;
  host.values["call.method"] = Value::string("GET");
  CHECK(value_of("call.method", host) == "\"GET\"");
  CHECK(value_of("call.path", host) == "!no_such_field");
  CHECK(value_of("has(call.method) && !has(call.path)", host) == "true");
  CHECK(value_of("type(call)", host) == "test.Call");
  CHECK(value_of("call == call && dyn(call) != caller", host) == "true");
}

TEST_CASE("objects among other values give their own fields, and no others") {
  Host host;
  host.values["call.method"] = Value::string("GET");
  host.values["caller.name"] = Value::string("pay");
  CHECK(value_of("[call].exists(c, c.method == 'GET')", host) == "true");
  CHECK(value_of("dyn(call).method", host) == "\"GET\"");
  CHECK(value_of("has(dyn(call).method) && !has(dyn(call).path)", host) == "true");
  CHECK(value_of("dyn(call).nothing", host) == "!no_such_field");
  // To the checker this is a call, by the first of the two; it is a caller.
  CHECK(value_of("(false ? call : dyn(caller)).method", host) == "!no_such_field");
  CHECK(value_of("([call] + [dyn(caller)])[1].method", host) == "!no_such_field");
  CHECK(value_of("([call] + [dyn(caller)]).map(x, type(x))", host) == "[test.Call, test.Caller]");
  CHECK(unchecked("(false ? call : caller).name", host) == "\"pay\"");
  CHECK(unchecked("call.name", host) == "!no_such_field");
}

TEST_CASE("maps of the host's are asked for their keys") {
  const Headers headers;
  Host host;
  host.values["call.headers"] = Value::map(&headers);
  CHECK(value_of("call.headers['X-Amount'] == '100'", host) == "true");
  CHECK(value_of("call.headers.ACCEPT", host) == "\"*/*\"");
  CHECK(value_of("'x-none' in call.headers", host) == "false");
  CHECK(value_of("call.headers.exists(k, call.headers[k] == '100')", host) == "true");
  CHECK(value_of("call.headers == {'accept': '*/*', 'x-amount': '100'}", host) == "true");
  CHECK(value_of("call.headers.transformList(k, v, k + '=' + v)", host) ==
        R"(["accept=*/*", "x-amount=100"])");
}

TEST_CASE("lists of the host's are asked for their elements as they are needed") {
  const Numbers numbers;
  Host host;
  host.values["any"] = Value::list(&numbers);
  CHECK(value_of("any.exists(x, x == 1000)", host) == "true");
  CHECK(value_of("any[999999999]", host) == "999999999");
  CHECK(value_of("size(any)", host) == "1000000000");
  CHECK(value_of("any.all(x, x >= 0)", host) == "!cost_exceeded");
  CHECK(value_of("-1 in any", host) == "!cost_exceeded");
  CHECK(value_of("any + any", host) == "!cost_exceeded");
  CHECK(value_of("any == any", host) == "!cost_exceeded");
  CHECK(value_of("any.map(x, x)", host) == "!cost_exceeded");
}

TEST_CASE("JSON is a value") {
  const std::string_view json(
      R"({"amount": 150, "big": 18446744073709551615, "rate": 1.5, "ok": true, "none": null, "to": "x",
          "items": [{"sku": "a", "n": 2}, {"sku": "b", "n": 0}]})");
  Arena arena;
  Host host;
  host.values["call.body"] = read_json(json, arena);
  static constexpr Case cases[] = {
      {"call.body.amount", "150.0"},
      {"call.body.amount > 100 && call.body.amount == 150", "true"},
      {"call.body.big", "18446744073709551616.0"},
      {"call.body.rate + 1.0", "2.5"},
      {"call.body.ok && call.body.none == null", "true"},
      {"call.body.to.startsWith('x')", "true"},
      {"call.body.items.all(i, i.n >= 0)", "true"},
      {"call.body.items[1].sku", "\"b\""},
      {"call.body.items.map(i, i.sku)", R"(["a", "b"])"},
      {"has(call.body.none) && !has(call.body.absent)", "true"},
      {"call.body.absent", "!no_such_key"},
      {"1 in call.body", "false"},
      {"size(call.body) == 7 && size(call.body.items) == 2", "true"},
      {"call.body.items[0] == {'n': 2, 'sku': 'a'}", "true"},
      {"call.body.map(k, k)[0]", "\"amount\""},
      {"type(call.body) == map && type(call.body.items) == list && type(call.body.amount) == double", "true"},
      {"call.body.amount.x", "!no_such_overload"},
  };
  for (const Case& one : cases) {
    INFO(one.source);
    CHECK(value_of(one.source, host) == one.value);
  }
}

TEST_CASE("JSON that does not fit the arena is an error") {
  const std::string_view json("[[1], [2]]");
  Arena none(0);
  const Value value = read_json(json, none);
  REQUIRE(value.is_error());
  CHECK(value.as_error().code == "cost_exceeded");
}

TEST_CASE("texts of the host's that are not UTF-8 do no harm") {
  Host host;
  const std::string bad =
      "\x80\xff"
      "a\xc3";
  host.values["text"] = Value::string(bad);
  CHECK(value_of("size(text) > 0 && text.contains('a')", host) == "true");
  CHECK(value_of("text.substring(1).size() + text.reverse().size() + text.split('').size() > 0", host) ==
        "true");
  CHECK(value_of("text.trim() == text && text.charAt(0) != '' && text.indexOf('a') >= 0", host) == "true");
  CHECK(value_of("text.matches('a') && text.replace('', '-').size() > 0", host) == "true");
}
