#include "cel/checker.hpp"

#include <algorithm>
#include <utility>

#include "cel/checking.hpp"
#include "cel/literal.hpp"
#include "cel/overload_choice.hpp"
#include "cel/suggestion.hpp"
#include "cel/well_known.hpp"

namespace callgate::cel {
namespace {

Type literal(Expression& e) {
  // Its text lies in the tree, which does not move any more.
  if (e.value.is(Kind::string)) e.value = Value::string(e.text);
  if (e.value.is(Kind::bytes)) e.value = Value::bytes(e.text);
  switch (e.value.kind()) {
    case Kind::null:
      return Type(Type::Kind::null);
    case Kind::boolean:
      return Type(Type::Kind::boolean);
    case Kind::integer:
      return Type(Type::Kind::integer);
    case Kind::unsigned_integer:
      return Type(Type::Kind::unsigned_integer);
    case Kind::real:
      return Type(Type::Kind::real);
    case Kind::string:
      return Type(Type::Kind::string);
    default:
      return Type(Type::Kind::bytes);
  }
}

}  // namespace

void Checking::run(Expression& expression) {
  checked_.type = types_.resolve(check(expression), true);
  std::sort(checked_.uses.begin(), checked_.uses.end());
  checked_.uses.erase(std::unique(checked_.uses.begin(), checked_.uses.end()), checked_.uses.end());
}

Type Checking::check(Expression& e) {
  Type type = check_part(e);
  if (type.is(Kind::object) && !path_.empty()) checked_.uses.push_back(path_ + ".*");
  return type;
}

Type Checking::check_part(Expression& e) {
  switch (e.form) {
    case Form::literal:
      path_.clear();
      return literal(e);
    case Form::name:
      return name(e);
    case Form::select:
      return select(e);
    case Form::has:
      return has(e);
    case Form::call:
      return call(e);
    case Form::conjunction:
    case Form::disjunction:
      for (auto& argument : e.arguments)
        expect_bool(*argument, e.form == Form::conjunction ? "`&&`" : "`||`");
      return leave(Type(Kind::boolean));
    case Form::conditional:
      return conditional(e);
    case Form::list:
      return list(e);
    case Form::map:
      return map(e);
    case Form::message:
      return message(e);
    case Form::loop:
      return loop(e);
  }
  return {};
}

std::optional<Function> Checking::function_named(std::string_view name) const {
  const auto found = find_function(name);
  const auto library = found ? library_of(*found) : std::nullopt;
  return library && !environment_.has(*library) ? std::nullopt : found;
}

std::vector<std::string_view> Checking::known_functions() const {
  auto names = function_names();
  names.erase(std::remove_if(names.begin(), names.end(), [&](auto name) { return !function_named(name); }),
              names.end());
  return names;
}

Type Checking::call(Expression& e) {
  if (e.target != nullptr) {
    // A function of a library, as in math.greatest(1, 2)?
    std::string prefix;
    if (qualified(*e.target, prefix)) {
      for (const std::string& candidate : environment_.candidates(prefix + "." + e.text)) {
        if (!function_named(candidate)) continue;
        e.text = candidate;
        e.target = nullptr;
        break;
      }
    }
  }
  auto function = function_named(e.text);
  if (!function && e.target == nullptr) {
    for (const std::string& candidate : environment_.candidates(e.text)) {
      function = function_named(candidate);
      if (function) break;
    }
  }
  if (!function) {
    const std::vector<Type> given = check_arguments(e);
    e.reference = Reference::type;  // of a call: there is no such function here
    if (const auto declared = environment_.find_functions(e.text); !declared.empty())
      return leave(apply(e, given, declared));
    return leave(
        misfit(e, "there is no function `" + shortened(e.text) + "`", suggestion(e.text, known_functions())));
  }
  e.function = *function;
  e.reference = Reference::variable;
  const std::vector<Type> given = check_arguments(e);
  check_literals(e);
  return is_variadic(*function) ? extreme(e, given) : apply(e, given, overloads_of(*function));
}

std::vector<Type> Checking::check_arguments(Expression& e) {
  std::vector<Type> given;
  if (e.target) given.push_back(check(*e.target));
  for (auto& argument : e.arguments)
    given.push_back(check(*argument));
  path_.clear();
  return given;
}

Type Checking::apply(const Expression& e, const std::vector<Type>& given,
                     std::span<const Overload> overloads) {
  const auto result = choose_overload(types_, e.target != nullptr, given, overloads);
  return result ? *result : misfit(e, misfit_text(e, given));
}

std::string Checking::misfit_text(const Expression& e, const std::vector<Type>& given) const {
  std::string types;
  for (const Type& type : given)
    types += (types.empty() ? "" : " and ") + types_.resolve(type, true).text();
  std::string shown = shortened(e.text);
  if (shown == "@in") shown = "in";
  shown.erase(std::remove(shown.begin(), shown.end(), '_'), shown.end());
  return "`" + shown + "` is not for " + (types.empty() ? "no arguments" : types);
}

Type Checking::extreme(const Expression& e, const std::vector<Type>& given) {
  const bool of_none =
      given.size() == 1 && e.arguments[0]->form == Form::list && e.arguments[0]->arguments.empty();
  const auto common = e.target != nullptr || of_none ? std::nullopt : common_number(types_, given);
  return common ? *common
                : misfit(e, misfit_text(e, given), "write numbers, or a list of them that is not empty");
}

void Checking::check_literals(Expression& e) {
  if (auto issue = check_literal_argument(e, patterns_); issue && types_too_) throw Stop{std::move(*issue)};
}

void Checking::expect_bool(Expression& e, const std::string& what) {
  const Type type = check(e);
  if (!types_.assign(Type(Kind::boolean), type))
    (void)misfit(e, what + " needs a bool, and this is a " + types_.resolve(type, true).text());
}

Type Checking::conditional(Expression& e) {
  expect_bool(*e.arguments[0], "`?`");
  const Type yes = check(*e.arguments[1]);
  const Type no = check(*e.arguments[2]);
  const auto before = types_.mark();
  if (types_.assign(yes, no)) return leave(types_.resolve(yes).is(Kind::null) ? no : yes);
  types_.undo(before);
  return leave(misfit(e,
                      "the results of `? :` are a " + types_.resolve(yes, true).text() + " and a " +
                          types_.resolve(no, true).text(),
                      "make both the same, or write dyn() around one"));
}

Type Checking::joined(std::optional<Type>& so_far, const Type& next) {
  so_far = so_far ? types_.join(*so_far, next) : next;
  return *so_far;
}

Type Checking::list(Expression& e) {
  std::optional<Type> element;
  for (auto& argument : e.arguments)
    (void)joined(element, check(*argument));
  return leave(Type::list(element ? *element : types_.fresh()));
}

Type Checking::map(Expression& e) {
  std::optional<Type> key;
  std::optional<Type> value;
  for (std::size_t i = 0; i + 1 < e.arguments.size(); i += 2) {
    const Type given = types_.resolve(check(*e.arguments[i]));
    const bool fits = given.is(Kind::boolean) || given.is(Kind::integer) ||
                      given.is(Kind::unsigned_integer) || given.is(Kind::string) || given.is(Kind::dyn) ||
                      given.is(Kind::variable);
    if (!fits) (void)misfit(*e.arguments[i], "a " + given.text() + " cannot be a key of a map");
    (void)joined(key, given);
    (void)joined(value, check(*e.arguments[i + 1]));
  }
  return leave(Type::map(key ? *key : types_.fresh(), value ? *value : types_.fresh()));
}

Type Checking::message(Expression& e) {
  std::optional<WellKnown> known;
  for (const std::string& candidate : environment_.candidates(e.text)) {
    known = find_well_known(candidate);
    if (known) break;
  }
  e.reference = known ? Reference::variable : Reference::unresolved;
  if (known) e.slot = static_cast<std::size_t>(*known);
  for (std::size_t i = 0; i + 1 < e.arguments.size(); i += 2) {
    const Type given = check(*e.arguments[i + 1]);
    if (!known) continue;
    const auto wanted = field_type(*known, e.arguments[i]->text);
    if (!wanted) {
      (void)misfit(*e.arguments[i], e.text + " has no field `" + shortened(e.arguments[i]->text) + "`");
    } else if (!types_.assign(*wanted, given)) {
      (void)misfit(*e.arguments[i + 1], "the field `" + e.arguments[i]->text + "` is a " + wanted->text() +
                                            ", and this is a " + types_.resolve(given, true).text());
    }
  }
  if (!known)
    return leave(
        misfit(e, "there is no message `" + shortened(e.text) + "`", "a map is written {\"key\": value}"));
  return leave(type_of(*known));
}

Type Checking::loop(Expression& e) {
  using Loop = Expression::Loop;
  const Type range = types_.resolve(check(*e.target));
  path_.clear();
  Type key;
  Type value;
  if (range.is(Kind::list)) {
    key = Type(Kind::integer);
    value = range.arguments()[0];
  } else if (range.is(Kind::map)) {
    key = range.arguments()[0];
    value = range.arguments()[1];
  } else if (!range.is(Kind::dyn) && !range.is(Kind::variable)) {
    (void)misfit(*e.target, "`" + e.text + "` goes over a list or a map, and this is a " + range.text());
  }
  const std::size_t outer = locals_.size();
  e.first_slot = outer;
  if (e.pairs) {
    locals_.push_back({e.first, outer, key});
    locals_.push_back({e.second, outer + 1, value});
  } else {
    locals_.push_back({e.first, outer, range.is(Kind::map) ? key : value});
  }
  checked_.locals = std::max(checked_.locals, locals_.size());
  const Type element = locals_[outer].type;
  if (e.filtered) expect_bool(*e.arguments[0], "the condition of `" + e.text + "`");
  Type result;
  if (e.loop == Loop::map || e.loop == Loop::transform_list || e.loop == Loop::transform_map) {
    result = check(*e.arguments.back());
  } else {
    expect_bool(*e.arguments.back(), "`" + e.text + "`");
    result = Type(Kind::boolean);
  }
  locals_.resize(outer);
  switch (e.loop) {
    case Loop::map:
    case Loop::transform_list:
      return leave(Type::list(result));
    case Loop::transform_map:
      return leave(Type::map(key, result));
    case Loop::filter:
      return leave(Type::list(element));
    default:
      return leave(Type(Kind::boolean));
  }
}

bool check(Expression& expression, const Environment& environment, bool types_too, Checked& checked,
           Issue& issue) {
  try {
    Checking(environment, types_too, checked).run(expression);
    return true;
  } catch (Stop& stopped) {
    issue = std::move(stopped.issue);
  } catch (const TypesTooComplex& complex) {
    issue = {expression.line, expression.column, complex.what(), {}};
  }
  return false;
}

}  // namespace callgate::cel
