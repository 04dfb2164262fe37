#include "expressions.hpp"

#include "cel/text.hpp"
#include "cel/time_text.hpp"

namespace callgate::cel::testing {

std::string show(const Value& value, Arena& arena) {
  switch (value.kind()) {
    case Kind::absent:
      return "absent";
    case Kind::null:
      return "null";
    case Kind::boolean:
      return value.as_boolean() ? "true" : "false";
    case Kind::integer:
      return std::to_string(value.as_integer());
    case Kind::unsigned_integer:
      return std::to_string(value.as_unsigned()) + "u";
    case Kind::real: {
      auto text = real_text(value.as_real());
      return text.find_first_not_of("-0123456789") == std::string::npos ? text + ".0" : text;
    }
    case Kind::string:
      return "\"" + std::string(value.as_text()) + "\"";
    case Kind::bytes:
      return "b\"" + std::string(value.as_text()) + "\"";
    case Kind::timestamp:
      return "timestamp(\"" + timestamp_text(value.as_time()) + "\")";
    case Kind::duration:
      return "duration(\"" + duration_text(value.as_time()) + "\")";
    case Kind::type:
      return std::string(value.as_text());
    case Kind::object:
      return "object " + std::string(type_name(value));
    case Kind::error:
      return "!" + std::string(value.as_error().code);
    case Kind::list: {
      std::string text;
      for (std::size_t i = 0; i < value.as_list().size(); ++i)
        text += (i > 0 ? ", " : "") + show(value.as_list().at(i, arena), arena);
      return "[" + text + "]";
    }
    case Kind::map: {
      std::string text;
      for (std::size_t i = 0; i < value.as_map().size(); ++i) {
        text += (i > 0 ? ", " : "") + show(value.as_map().key_at(i, arena), arena) + ": " +
                show(value.as_map().value_at(i, arena), arena);
      }
      return "{" + text + "}";
    }
  }
  return "?";
}

Environment environment() {
  Environment made;
  made.declare(ObjectType{"test.Call",
                          {{"method", parse_type("string")},
                           {"path", parse_type("string")},
                           {"headers", parse_type("map(string, string)")},
                           {"body", parse_type("dyn")},
                           {"size", parse_type("int")}}});
  made.declare(
      ObjectType{"test.Caller", {{"name", parse_type("string")}, {"groups", parse_type("list(string)")}}});
  made.declare("call", Type::object("test.Call"));
  made.declare("caller", Type::object("test.Caller"));
  made.declare("now", parse_type("timestamp"));
  made.declare("any", parse_type("dyn"));
  made.declare("number", parse_type("int"));
  made.declare("text", parse_type("string"));
  return made;
}

Host::Host()
    : environment_(environment()),
      call_(*this, "call", *environment_.find_object("test.Call")),
      caller_(*this, "caller", *environment_.find_object("test.Caller")) {
  values["call"] = Value::object(&call_);
  values["caller"] = Value::object(&caller_);
}

Value Host::variable(std::size_t index, Arena&) const {
  return give(environment_.variables().at(index).name);
}

Value Host::give(const std::string& name) const {
  ++asked_[name];
  const auto at = values.find(name);
  return at == values.end() ? Value() : at->second;
}

int Host::asked(const std::string& name) const {
  const auto at = asked_.find(name);
  return at == asked_.end() ? 0 : at->second;
}

Program compiled(std::string_view source, const CompileOptions& options) {
  auto made = compile(source, environment(), options);
  if (const auto* wrong = std::get_if<Issue>(&made)) throw std::invalid_argument(wrong->message);
  return std::get<Program>(std::move(made));
}

std::string issue(std::string_view source, const CompileOptions& options) {
  const auto made = compile(source, environment(), options);
  const auto* wrong = std::get_if<Issue>(&made);
  if (wrong == nullptr) return {};
  return std::to_string(wrong->line) + ":" + std::to_string(wrong->column) + ": " + wrong->message +
         (wrong->hint.empty() ? "" : " [" + wrong->hint + "]");
}

std::string value_of(std::string_view source, const Host& host, std::int64_t budget) {
  const Program program = compiled(source);
  Arena arena;
  return show(program.evaluate(host, arena, budget), arena);
}

std::string value_of(std::string_view source) {
  return value_of(source, Host());
}

std::string unchecked(std::string_view source, const Host& host) {
  CompileOptions options;
  options.types = false;
  const Program program = compiled(source, options);
  Arena arena;
  return show(program.evaluate(host, arena), arena);
}

std::string unchecked(std::string_view source) {
  return unchecked(source, Host());
}

void check(std::span<const Case> cases) {
  for (const Case& one : cases) {
    INFO(one.source);
    CHECK(value_of(one.source) == one.value);
  }
}

}  // namespace callgate::cel::testing
