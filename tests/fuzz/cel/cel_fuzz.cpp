// Any text: an issue with a place in it, or a program whose evaluations stay within their limits and agree.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "cel/json.hpp"
#include "cel/program.hpp"

using namespace callgate::cel;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

class Call final : public Object {
 public:
  [[nodiscard]] Value field(std::size_t index, Arena& arena) const override {
    static constexpr std::string_view body =
        R"({"amount": 150, "to": "x", "items": [1, null, {"a": [true]}]})";
    static const std::string path("/v1/h\xc3\xa9/\x80\xff");
    switch (index) {
      case 0:
        return Value::string("POST");
      case 1:
        return Value::string(path);
      case 2:
        return read_json(body, arena);
      case 3:
        return Value::error(&pending);
      default:
        return {};
    }
  }
  [[nodiscard]] std::string_view type_name() const override { return "Call"; }
};

class Facts final : public Activation {
 public:
  [[nodiscard]] Value variable(std::size_t index, Arena&) const override {
    switch (index) {
      case 0:
        return Value::object(&call_);
      case 1:
        return Value::timestamp({1'774'747'815, 250'000'000});
      default:
        return Value::integer(7);
    }
  }

 private:
  Call call_;
};

Environment make_environment() {
  Environment made;
  made.declare(ObjectType{"Call",
                          {{"method", parse_type("string")},
                           {"path", parse_type("string")},
                           {"body", parse_type("dyn")},
                           {"later", parse_type("map(string, list(string))")},
                           {"unset", parse_type("int")}}});
  made.declare("call", Type::object("Call"));
  made.declare("now", parse_type("timestamp"));
  made.declare("n", parse_type("int"));
  return made;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Environment environment = make_environment();
  const std::string_view source(reinterpret_cast<const char*>(data), size);
  for (const bool types : {true, false}) {
    CompileOptions options;
    options.types = types;
    options.limits.source = 4096;
    const auto made = compile(source, environment, options);
    if (const auto* issue = std::get_if<Issue>(&made)) {
      require(issue->line > 0 && issue->column > 0 && !issue->message.empty());
      continue;
    }
    const auto& program = std::get<Program>(made);
    require(!program.type().text().empty());
    const Facts facts;
    constexpr std::size_t most_memory = 256U << 10U;
    constexpr std::int64_t most_steps = 5000;
    Arena arena(most_memory);
    Arena other(most_memory);
    const Value value = program.evaluate(facts, arena, most_steps);
    const Value again = program.evaluate(facts, other, most_steps);
    require(!value.is(Kind::absent) && value.kind() == again.kind());
    if (value.is_error()) {
      require(!value.as_error().code.empty() && value.as_error().code == again.as_error().code);
      continue;
    }
    if (program.type().is(Type::Kind::boolean)) require(!types || value.is(Kind::boolean));
    require(program.uses("call") || !value.is(Kind::object));
  }
  return 0;
}
