#include "cel/type.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace callgate::cel {
namespace {

struct Named {
  std::string_view name;
  Type::Kind kind;
};
constexpr Named simple_types[] = {
    {"dyn", Type::Kind::dyn},
    {"null_type", Type::Kind::null},
    {"bool", Type::Kind::boolean},
    {"int", Type::Kind::integer},
    {"uint", Type::Kind::unsigned_integer},
    {"double", Type::Kind::real},
    {"string", Type::Kind::string},
    {"bytes", Type::Kind::bytes},
    {"timestamp", Type::Kind::timestamp},
    {"duration", Type::Kind::duration},
};

// Splits "a, b" at the commas that are in no parentheses.
std::vector<Type> parse_arguments(std::string_view text) {
  std::vector<Type> types;
  int depth = 0;
  std::size_t start = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && text[i] == '(') ++depth;
    if (i < text.size() && text[i] == ')') --depth;
    if (i < text.size() && (text[i] != ',' || depth != 0)) continue;
    auto part = text.substr(start, i - start);
    while (part.starts_with(' '))
      part.remove_prefix(1);
    types.push_back(parse_type(part));
    start = i + 1;
  }
  return types;
}

}  // namespace

Type::Type(Kind kind, std::vector<Type> arguments, std::string name) : kind_(kind) {
  for (Type& argument : arguments) {
    if (argument.depth_ >= most_depth) argument = Type();
    depth_ = std::max(depth_, static_cast<std::uint8_t>(argument.depth_ + 1));
  }
  parts_ = std::make_shared<Parts>(Parts{std::move(arguments), std::move(name)});
}

Type Type::list(Type element) {
  return {Kind::list, {std::move(element)}, {}};
}
Type Type::map(Type key, Type value) {
  return {Kind::map, {std::move(key), std::move(value)}, {}};
}
Type Type::type(Type named) {
  return {Kind::type, {std::move(named)}, {}};
}
Type Type::wrapper(Type simple) {
  return {Kind::wrapper, {std::move(simple)}, {}};
}
Type Type::object(std::string name) {
  return {Kind::object, {}, std::move(name)};
}
Type Type::abstract(std::string name, std::vector<Type> arguments) {
  return {Kind::abstract, std::move(arguments), std::move(name)};
}

Type Type::with(std::vector<Type> other_arguments) const {
  return {kind_, std::move(other_arguments), name()};
}

Type Type::variable(std::size_t number) {
  Type made(Kind::variable);
  made.number_ = number;
  return made;
}

const std::vector<Type>& Type::arguments() const {
  static const std::vector<Type> none;
  return parts_ ? parts_->arguments : none;
}

const std::string& Type::name() const {
  static const std::string none;
  return parts_ ? parts_->name : none;
}

std::string Type::text() const {
  for (const auto& simple : simple_types) {
    if (simple.kind == kind_) return std::string(simple.name);
  }
  const auto argument = [&](std::size_t index) {
    return index < arguments().size() ? arguments()[index].text() : std::string("dyn");
  };
  switch (kind_) {
    case Kind::list:
      return "list(" + argument(0) + ")";
    case Kind::map:
      return "map(" + argument(0) + ", " + argument(1) + ")";
    case Kind::type:
      return "type(" + argument(0) + ")";
    case Kind::wrapper:
      return "wrapper(" + argument(0) + ")";
    case Kind::object:
    case Kind::abstract:
      return name();
    default:
      return "dyn";
  }
}

bool Type::operator==(const Type& other) const {
  return kind_ == other.kind_ && number_ == other.number_ && name() == other.name() &&
         arguments() == other.arguments();
}

Type parse_type(std::string_view text) {
  for (const auto& simple : simple_types) {
    if (simple.name == text) return Type(simple.kind);
  }
  if (text.size() == 1 && text[0] >= 'A' && text[0] <= 'Z')
    return Type::variable(static_cast<std::size_t>(text[0] - 'A'));
  const auto open = text.find('(');
  if (open != std::string_view::npos && text.ends_with(')')) {
    auto arguments = parse_arguments(text.substr(open + 1, text.size() - open - 2));
    const auto name = text.substr(0, open);
    if (name == "list" && arguments.size() == 1) return Type::list(arguments[0]);
    if (name == "map" && arguments.size() == 2) return Type::map(arguments[0], arguments[1]);
    if (name == "type" && arguments.size() == 1) return Type::type(arguments[0]);
    if (name == "wrapper" && arguments.size() == 1) return Type::wrapper(arguments[0]);
  }
  throw std::invalid_argument("no type: " + std::string(text));
}

}  // namespace callgate::cel
