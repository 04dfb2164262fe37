#include "conformance.hpp"

#include <cmath>
#include <deque>
#include <map>

#include "cel/lexer.hpp"
#include "cel/program.hpp"
#include "cel/time_text.hpp"
#include "cel/well_known.hpp"

namespace callgate::cel::testing {
namespace {

namespace json = boost::json;

std::string text_of(const json::value& value) {
  return std::string(value.as_string());
}

std::string from_base64(const std::string& text) {
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    static const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const auto at = alphabet.find(c);
    if (at == std::string::npos) continue;
    bits = (bits << 6U) | static_cast<std::uint32_t>(at);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out += static_cast<char>((bits >> static_cast<unsigned>(count)) & 0xffU);
    }
  }
  return out;
}

double real_of(const json::value& value) {
  if (value.is_string()) {
    const std::string text = text_of(value);
    if (text == "NaN") return std::nan("");
    return text == "-Infinity" ? -INFINITY : INFINITY;
  }
  return value.to_number<double>();
}

// Values of a case, for as long as it runs.
class Values {
 public:
  Value read(const json::object& wrapped) {
    const auto& [key, value] = *wrapped.begin();
    if (key == "null_value") return Value::null();
    if (key == "bool_value") return Value::boolean(value.as_bool());
    if (key == "int64_value") return Value::integer(std::stoll(text_of(value)));
    if (key == "uint64_value") return Value::unsigned_integer(std::stoull(text_of(value)));
    if (key == "double_value") return Value::real(real_of(value));
    if (key == "string_value") return Value::string(keep(text_of(value)));
    if (key == "bytes_value") return Value::bytes(keep(from_base64(text_of(value))));
    if (key == "type_value") return Value::type(keep(text_of(value)));
    if (key == "list_value") return read_list(value.as_object());
    if (key == "map_value") return read_map(value.as_object());
    if (key == "object_value") return read_object(value.as_object());
    throw std::runtime_error("unknown kind of value");
  }

 private:
  std::string_view keep(std::string text) { return texts_.emplace_back(std::move(text)); }

  Value read_list(const json::object& list) {
    auto& values = lists_.emplace_back();
    if (const auto* given = list.if_contains("values")) {
      for (const auto& value : given->as_array())
        values.push_back(read(value.as_object()));
    }
    return Value::list(&made_lists_.emplace_back(values.data(), values.size()));
  }

  Value read_map(const json::object& map) {
    auto& entries = maps_.emplace_back();
    if (const auto* given = map.if_contains("entries")) {
      for (const auto& entry : given->as_array()) {
        entries.push_back({read(entry.at("key").as_object()), read(entry.at("value").as_object())});
      }
    }
    return Value::map(&made_maps_.emplace_back(entries.data(), entries.size()));
  }

  // A plain JSON value, as Struct and Value have it.
  Value read_plain(const json::value& value) {
    if (value.is_null()) return Value::null();
    if (value.is_bool()) return Value::boolean(value.as_bool());
    if (value.is_number()) return Value::real(value.to_number<double>());
    if (value.is_string()) return Value::string(keep(text_of(value)));
    if (value.is_array()) {
      auto& values = lists_.emplace_back();
      for (const auto& element : value.as_array())
        values.push_back(read_plain(element));
      return Value::list(&made_lists_.emplace_back(values.data(), values.size()));
    }
    auto& entries = maps_.emplace_back();
    for (const auto& [key, element] : value.as_object())
      entries.push_back({Value::string(keep(std::string(key))), read_plain(element)});
    return Value::map(&made_maps_.emplace_back(entries.data(), entries.size()));
  }

  Value read_object(const json::object& object) {
    const std::string url = text_of(object.at("@type"));
    const std::string name = url.substr(url.rfind('/') + 1);
    const auto known = find_well_known(name);
    if (name == "google.protobuf.Any") return read_object(object.at("value").as_object());
    if (!known) throw std::runtime_error("a message of " + name);
    const auto* given = object.if_contains("value");
    if (*known == WellKnown::timestamp) return Value::timestamp(parse_timestamp(text_of(*given)).value());
    if (*known == WellKnown::duration) return Value::duration(parse_duration(text_of(*given)).value());
    if (*known == WellKnown::structure || *known == WellKnown::list_value || *known == WellKnown::value)
      return read_plain(*given);
    switch (type_of(*known).arguments()[0].kind()) {
      case Type::Kind::boolean:
        return Value::boolean(given != nullptr && given->as_bool());
      case Type::Kind::integer:
        if (given == nullptr) return Value::integer(0);
        return Value::integer(given->is_string() ? std::stoll(text_of(*given))
                                                 : given->to_number<std::int64_t>());
      case Type::Kind::unsigned_integer:
        if (given == nullptr) return Value::unsigned_integer(0);
        return Value::unsigned_integer(given->is_string() ? std::stoull(text_of(*given))
                                                          : given->to_number<std::uint64_t>());
      case Type::Kind::real:
        return Value::real(given == nullptr ? 0 : real_of(*given));
      case Type::Kind::bytes:
        return Value::bytes(given == nullptr ? std::string_view{} : keep(from_base64(text_of(*given))));
      default:
        return Value::string(given == nullptr ? std::string_view{} : keep(text_of(*given)));
    }
  }

  std::deque<std::string> texts_;
  std::deque<std::vector<Value>> lists_;
  std::deque<std::vector<Entry>> maps_;
  std::deque<ValueList> made_lists_;
  std::deque<ValueMap> made_maps_;
};

Type read_type(const json::object& type) {
  const auto& [key, value] = *type.begin();
  if (key == "primitive" || key == "wrapper") {
    static const std::map<std::string, std::string> names{{"BOOL", "bool"},     {"INT64", "int"},
                                                          {"UINT64", "uint"},   {"DOUBLE", "double"},
                                                          {"STRING", "string"}, {"BYTES", "bytes"}};
    const Type simple = parse_type(names.at(text_of(value)));
    return key == "wrapper" ? Type::wrapper(simple) : simple;
  }
  if (key == "null") return parse_type("null_type");
  if (key == "list_type") {
    const auto* element = value.as_object().if_contains("elem_type");
    return Type::list(element == nullptr ? Type() : read_type(element->as_object()));
  }
  if (key == "map_type") {
    return Type::map(read_type(value.at("key_type").as_object()),
                     read_type(value.at("value_type").as_object()));
  }
  if (key == "well_known") {
    const std::string name = text_of(value);
    if (name == "TIMESTAMP") return parse_type("timestamp");
    return name == "DURATION" ? parse_type("duration") : Type();
  }
  if (key == "message_type") {
    const auto known = find_well_known(text_of(value));
    return known ? type_of(*known) : Type();
  }
  if (key == "abstract_type") {
    std::vector<Type> arguments;
    if (const auto* given = value.as_object().if_contains("parameter_types")) {
      for (const auto& argument : given->as_array())
        arguments.push_back(read_type(argument.as_object()));
    }
    return Type::abstract(text_of(value.at("name")), std::move(arguments));
  }
  if (key == "type_param") return Type::variable(static_cast<std::size_t>(text_of(value)[0] - 'A'));
  if (key == "type") return Type::type(value.as_object().empty() ? Type() : read_type(value.as_object()));
  return {};
}

void declare_function(Environment& environment, const std::string& name, const json::object& function) {
  for (const auto& overload : function.at("overloads").as_array()) {
    Overload made;
    made.member = overload.as_object().contains("is_instance_function");
    for (const auto& argument : overload.at("params").as_array())
      made.arguments.push_back(read_type(argument.as_object()));
    made.result = read_type(overload.at("result_type").as_object());
    environment.declare(name, std::move(made));
  }
}

class Bindings final : public Activation {
 public:
  std::map<std::size_t, Value> values;
  [[nodiscard]] Value variable(std::size_t index, Arena&) const override {
    const auto at = values.find(index);
    return at == values.end() ? Value() : at->second;
  }
};

// A text whose \\uXXXX, \\UXXXXXXXX and \\? have been read.
std::string unescaped(std::string_view text) {
  std::string escaped = "\"";
  for (const char c : text) {
    if (c == '\n') {
      escaped += "\\n";
    } else {
      if (c == '"') escaped += '\\';
      escaped += c;
    }
  }
  std::vector<Token> tokens;
  Issue issue;
  if (!tokenize(escaped + "\"", tokens, issue)) return std::string(text);
  return tokens[0].text;
}

bool same(const Value& wanted, const Value& found, Arena& arena) {
  if (wanted.is(Kind::real) && found.is(Kind::real) && std::isnan(wanted.as_real()))
    return std::isnan(found.as_real());
  std::int64_t budget = 1'000'000;
  return wanted.kind() == found.kind() && equal(wanted, found, arena, budget);
}

Outcome compare(const json::object& test, const Value& found, Values& values, Arena& arena) {
  const bool wants_error = test.contains("eval_error") || test.contains("any_eval_errors");
  if (wants_error) return {found.is_error(), found.is_error() ? "" : "it has a value"};
  if (found.is_error()) {
    return {false, std::string(found.as_error().code) + ": " + std::string(found.as_error().detail)};
  }
  Value wanted = Value::boolean(true);
  if (const auto* value = test.if_contains("value")) wanted = values.read(value->as_object());
  if (const auto* typed = test.if_contains("typed_result")) {
    const auto* result = typed->as_object().if_contains("result");
    if (result == nullptr) return {true, ""};
    wanted = values.read(result->as_object());
  }
  // In a few cases of the data, texts are as they were escaped.
  const bool escaped = wanted.is(Kind::string) || wanted.is(Kind::bytes);
  if (escaped && found.kind() == wanted.kind() && unescaped(wanted.as_text()) == found.as_text())
    return {true, ""};
  return {same(wanted, found, arena), "another value, a " + std::string(type_name(found))};
}

}  // namespace

Outcome run_case(const json::object& test) {
  Environment environment;
  Bindings bindings;
  Values values;
  if (const auto* container = test.if_contains("container")) environment.set_container(text_of(*container));
  if (const auto* declared = test.if_contains("type_env")) {
    for (const auto& one : declared->as_array()) {
      if (const auto* function = one.as_object().if_contains("function")) {
        declare_function(environment, text_of(one.at("name")), function->as_object());
        continue;
      }
      environment.declare(text_of(one.at("name")), read_type(one.at("ident").at("type").as_object()));
    }
  }
  if (const auto* bound = test.if_contains("bindings")) {
    for (const auto& [name, value] : bound->as_object()) {
      if (!environment.find_variable(name)) environment.declare(std::string(name), Type());
      bindings.values[*environment.find_variable(name)] = values.read(value.at("value").as_object());
    }
  }
  CompileOptions options;
  options.types = !test.contains("disable_check");
  auto compiled = compile(text_of(test.at("expr")), environment, options);
  if (const auto* issue = std::get_if<Issue>(&compiled)) {
    const bool wants_error = test.contains("eval_error");
    return {wants_error, issue->message};
  }
  const auto& program = std::get<Program>(compiled);
  if (const auto* typed = test.if_contains("typed_result")) {
    const Type wanted = read_type(typed->as_object().at("deduced_type").as_object());
    if (!(wanted == program.type())) return {false, "its type is " + program.type().text()};
    if (test.contains("check_only")) return {true, ""};
  }
  Arena arena;
  return compare(test, program.evaluate(bindings, arena), values, arena);
}

std::string missing_part(const std::string& file, const json::object& test) {
  if (file == "proto2" || file == "proto3" || file == "proto2_ext") return "messages";
  if (file.ends_with("_ext") && file != "string_ext" && file != "math_ext") return file;
  if (file == "optionals" || text_of(test.at("expr")).find("optional.") != std::string::npos)
    return "optionals";
  const std::string all = json::serialize(test);
  if (all.find("TestAllTypes") != std::string::npos || all.find("GlobalEnum") != std::string::npos ||
      all.find("cel.expr.conformance.proto") != std::string::npos) {
    return "messages";
  }
  return {};
}

}  // namespace callgate::cel::testing
