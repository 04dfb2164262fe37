#include "cel/checker.hpp"

#include <algorithm>
#include <numeric>

#include <re2/re2.h>

#include "cel/functions.hpp"
#include "cel/pattern.hpp"
#include "cel/time_text.hpp"
#include "cel/unification.hpp"
#include "cel/well_known.hpp"

namespace callgate::cel {
namespace {

using Form = Expression::Form;
using Kind = Type::Kind;
using Reference = Expression::Reference;

struct Stop {
  Issue issue;
};

// The number of letters to change, for suggestions.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row.back();
}

// "did you mean `path`?", or the known names where there are few.
std::string suggestion(std::string_view written, const std::vector<std::string_view>& known) {
  constexpr std::size_t longest_word = 64;
  constexpr std::size_t most_named = 24;
  if (written.size() > longest_word) return {};
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(written.size() / 3, 1) + 1;
  for (const auto word : known) {
    if (const auto far = distance(written, word); far < best_distance) {
      best = word;
      best_distance = far;
    }
  }
  if (!best.empty()) return "did you mean `" + std::string(best) + "`?";
  if (known.size() > most_named) return {};
  std::string text;
  for (const auto word : known)
    text += (text.empty() ? "known here: `" : ", `") + std::string(word) + "`";
  return text;
}

class Checker {
 public:
  Checker(const Environment& environment, bool types_too, Checked& checked)
      : environment_(environment), types_too_(types_too), checked_(checked) {}

  void run(Expression& expression) {
    checked_.type = types_.resolve(check(expression), true);
    std::sort(checked_.uses.begin(), checked_.uses.end());
    checked_.uses.erase(std::unique(checked_.uses.begin(), checked_.uses.end()), checked_.uses.end());
  }

 private:
  struct Local {
    std::string name;
    std::size_t slot;
    Type type;
  };

  [[noreturn]] static void stop(const Expression& at, std::string message, std::string hint = {}) {
    throw Stop{{at.line, at.column, std::move(message), std::move(hint)}};
  }
  // What does not fit is only of interest where types are.
  Type misfit(const Expression& at, std::string message, std::string hint = {}) const {
    if (types_too_) stop(at, std::move(message), std::move(hint));
    return {};
  }

  Type check(Expression& e) {
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

  // A result that is no path of names.
  Type leave(Type type) {
    path_.clear();
    return type;
  }

  static Type literal(Expression& e) {
    // Its text lies in the tree, which does not move any more.
    if (e.value.is(cel::Kind::string)) e.value = Value::string(e.text);
    if (e.value.is(cel::Kind::bytes)) e.value = Value::bytes(e.text);
    switch (e.value.kind()) {
      case cel::Kind::null:
        return Type(Kind::null);
      case cel::Kind::boolean:
        return Type(Kind::boolean);
      case cel::Kind::integer:
        return Type(Kind::integer);
      case cel::Kind::unsigned_integer:
        return Type(Kind::unsigned_integer);
      case cel::Kind::real:
        return Type(Kind::real);
      case cel::Kind::string:
        return Type(Kind::string);
      default:
        return Type(Kind::bytes);
    }
  }

  [[nodiscard]] const Local* find_local(std::string_view name) const {
    const auto at = std::find_if(locals_.rbegin(), locals_.rend(),
                                 [&](const Local& local) { return local.name == name; });
    return at == locals_.rend() ? nullptr : &*at;
  }

  // Makes `e` the name of a variable or type, if `name` is one.
  bool refer(Expression& e, const std::string& name, Type& type) {
    for (const std::string& candidate : environment_.candidates(name)) {
      if (const auto variable = environment_.find_variable(candidate)) {
        e.form = Form::name;
        e.target = nullptr;
        e.text = candidate;
        e.reference = Reference::variable;
        e.slot = *variable;
        type = environment_.variables()[*variable].type;
        path_ = candidate;
        checked_.uses.push_back(path_);
        return true;
      }
      if (candidate == "google.protobuf.NullValue.NULL_VALUE") {
        e.form = Form::literal;
        e.target = nullptr;
        e.value = Value::integer(0);
        type = leave(Type(Kind::integer));
        return true;
      }
      if (const char* known = find_type_name(candidate)) {
        e.form = Form::name;
        e.target = nullptr;
        e.text = known;
        e.reference = Reference::type;
        type = leave(Type::type(type_named(known)));
        return true;
      }
    }
    return false;
  }

  Type name(Expression& e) {
    if (const Local* local = find_local(e.text)) {
      e.reference = Reference::local;
      e.slot = local->slot;
      return leave(local->type);
    }
    Type type;
    if (refer(e, e.text, type)) return type;
    path_.clear();
    std::vector<std::string_view> known;
    for (const auto& variable : environment_.variables())
      known.push_back(variable.name);
    return misfit(e, "there is no `" + e.text + "`", suggestion(e.text, known));
  }

  // "a.b.c" where that is all it is, and `a` no local.
  [[nodiscard]] bool qualified(const Expression& e, std::string& text) const {
    if (e.form == Form::name) {
      if (e.reference != Reference::unresolved || find_local(e.text) != nullptr) return false;
      text = e.text;
      return true;
    }
    if (e.form != Form::select || !qualified(*e.target, text)) return false;
    text += "." + e.text;
    return true;
  }

  Type select(Expression& e) {
    std::string whole;
    Type type;
    if (qualified(e, whole) && refer(e, whole, type)) return type;
    return field(e, check(*e.target));
  }

  Type has(Expression& e) {
    (void)field(e, check(*e.target));
    return leave(Type(Kind::boolean));
  }

  Type field(Expression& e, const Type& of) {
    const Type target = types_.resolve(of);
    const std::string parent = path_;
    if (target.is(Kind::object)) {
      const ObjectType* object = environment_.find_object(target.name());
      const auto position = object != nullptr ? object->find(e.text) : std::nullopt;
      if (!position) {
        std::vector<std::string_view> known;
        for (std::size_t i = 0; object != nullptr && i < object->fields.size(); ++i)
          known.push_back(object->fields[i].name);
        return leave(misfit(e, (parent.empty() ? target.name() : parent) + " has no field `" + e.text + "`",
                            suggestion(e.text, known)));
      }
      e.slot = *position + 1;
      if (!parent.empty()) {
        path_ = parent + "." + e.text;
        checked_.uses.push_back(path_);
      }
      return object->fields[*position].type;
    }
    path_.clear();
    if (target.is(Kind::map)) {
      if (!types_.assign(target.arguments()[0], Type(Kind::string)))
        return misfit(e, "the keys of this map are no strings", "write map[key]");
      return target.arguments()[1];
    }
    if (target.is(Kind::dyn) || target.is(Kind::variable)) return {};
    return misfit(e, "a " + target.text() + " has no field `" + e.text + "`");
  }

  Type call(Expression& e) {
    if (e.target != nullptr) {
      // A function of a library, as in math.greatest(1, 2)?
      std::string prefix;
      if (qualified(*e.target, prefix)) {
        for (const std::string& candidate : environment_.candidates(prefix + "." + e.text)) {
          if (!find_function(candidate)) continue;
          e.text = candidate;
          e.target = nullptr;
          break;
        }
      }
    }
    auto function = find_function(e.text);
    if (!function && e.target == nullptr) {
      for (const std::string& candidate : environment_.candidates(e.text)) {
        function = find_function(candidate);
        if (function) break;
      }
    }
    if (!function) {
      const std::vector<Type> given = check_arguments(e);
      e.reference = Reference::type;  // of a call: there is no such function here
      if (const auto declared = environment_.find_functions(e.text); !declared.empty())
        return leave(apply(e, given, declared));
      return leave(misfit(e, "there is no function `" + e.text + "`", suggestion(e.text, function_names())));
    }
    e.function = *function;
    e.reference = Reference::variable;
    const std::vector<Type> given = check_arguments(e);
    check_literals(e);
    return is_variadic(*function) ? extreme(e, given) : apply(e, given, overloads_of(*function));
  }

  std::vector<Type> check_arguments(Expression& e) {
    std::vector<Type> given;
    if (e.target) given.push_back(check(*e.target));
    for (auto& argument : e.arguments)
      given.push_back(check(*argument));
    path_.clear();
    return given;
  }

  Type apply(const Expression& e, const std::vector<Type>& given, std::span<const Overload> overloads) {
    std::optional<Type> result;
    bool several = false;
    std::vector<std::optional<Type>> learnt;
    for (const Overload& overload : overloads) {
      if (overload.member != (e.target != nullptr) || overload.arguments.size() != given.size()) continue;
      const auto saved = types_.save();
      std::vector<std::optional<Type>> fresh_ones;
      bool fits = true;
      for (std::size_t i = 0; i < given.size() && fits; ++i)
        fits = types_.assign(types_.instantiate(overload.arguments[i], fresh_ones), given[i]);
      const Type declared = types_.instantiate(overload.result, fresh_ones);
      if (fits) {
        const Type made = types_.resolve(declared);
        if (!result) {
          result = made;
          learnt = types_.save();
        } else if (!(*result == made)) {
          several = true;
        }
      }
      types_.restore(saved);
    }
    if (!result) return misfit(e, misfit_text(e, given));
    if (several) return {};
    types_.restore(std::move(learnt));
    return *result;
  }

  [[nodiscard]] std::string misfit_text(const Expression& e, const std::vector<Type>& given) const {
    std::string types;
    for (const Type& type : given)
      types += (types.empty() ? "" : " and ") + types_.resolve(type, true).text();
    std::string shown = e.text;
    if (shown == "@in") shown = "in";
    shown.erase(std::remove(shown.begin(), shown.end(), '_'), shown.end());
    return "`" + shown + "` is not for " + (types.empty() ? "no arguments" : types);
  }

  Type extreme(const Expression& e, const std::vector<Type>& given) {
    std::optional<Type> common;
    const auto consider = [&](const Type& type) {
      const Type known = types_.resolve(type);
      const bool number = known.is(Kind::integer) || known.is(Kind::unsigned_integer) ||
                          known.is(Kind::real) || known.is(Kind::dyn) || known.is(Kind::variable);
      if (!number) return false;
      common = !common ? known : *common == known ? known : Type();
      return true;
    };
    bool fits = !given.empty();
    if (given.size() == 1 && types_.resolve(given[0]).is(Kind::list)) {
      fits = consider(types_.resolve(given[0]).arguments()[0]) &&
             (e.arguments[0]->form != Form::list || !e.arguments[0]->arguments.empty());
    } else {
      for (const Type& type : given)
        fits = fits && consider(type);
    }
    if (!fits || e.target != nullptr)
      return misfit(e, misfit_text(e, given), "write numbers, or a list of them that is not empty");
    return common->is(Kind::variable) ? Type() : *common;
  }

  // What is written out can be read now, once.
  void check_literals(Expression& e) {
    const Expression* text = e.arguments.empty() ? nullptr : e.arguments.back().get();
    if (text == nullptr || text->form != Form::literal || !text->value.is(cel::Kind::string)) return;
    switch (e.function) {
      case Function::matches: {
        std::string why;
        e.pattern = compile_pattern(text->text, why);
        if (!e.pattern) (void)misfit(*text, "the pattern cannot be used: " + why);
        break;
      }
      case Function::to_timestamp:
        if (!parse_timestamp(text->text))
          (void)misfit(*text, "`" + text->text + "` is no timestamp", "write \"2026-11-26T07:30:00Z\"");
        break;
      case Function::to_duration:
        if (!parse_duration(text->text))
          (void)misfit(*text, "`" + text->text + "` is no duration", "write \"90s\", \"1h30m\" or \"250ms\"");
        break;
      case Function::full_year:
      case Function::month:
      case Function::date:
      case Function::day_of_month:
      case Function::day_of_week:
      case Function::day_of_year:
      case Function::hours:
      case Function::minutes:
      case Function::seconds:
      case Function::milliseconds:
        if (!is_time_zone(text->text))
          (void)misfit(*text, "`" + text->text + "` is no time zone",
                       "write \"Europe/Berlin\", \"UTC\" or \"+01:00\"");
        break;
      default:
        break;
    }
  }

  void expect_bool(Expression& e, const std::string& what) {
    const Type type = check(e);
    if (!types_.assign(Type(Kind::boolean), type))
      (void)misfit(e, what + " needs a bool, and this is a " + types_.resolve(type, true).text());
  }

  Type conditional(Expression& e) {
    expect_bool(*e.arguments[0], "`?`");
    const Type yes = check(*e.arguments[1]);
    const Type no = check(*e.arguments[2]);
    const auto saved = types_.save();
    if (types_.assign(yes, no)) return leave(types_.resolve(yes).is(Kind::null) ? no : yes);
    types_.restore(saved);
    return leave(misfit(e,
                        "the results of `? :` are a " + types_.resolve(yes, true).text() + " and a " +
                            types_.resolve(no, true).text(),
                        "make both the same, or write dyn() around one"));
  }

  Type joined(std::optional<Type>& so_far, const Type& next) {
    so_far = so_far ? types_.join(*so_far, next) : next;
    return *so_far;
  }

  Type list(Expression& e) {
    std::optional<Type> element;
    for (auto& argument : e.arguments)
      (void)joined(element, check(*argument));
    return leave(Type::list(element ? *element : types_.fresh()));
  }

  Type map(Expression& e) {
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

  Type message(Expression& e) {
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
        (void)misfit(*e.arguments[i], e.text + " has no field `" + e.arguments[i]->text + "`");
      } else if (!types_.assign(*wanted, given)) {
        (void)misfit(*e.arguments[i + 1], "the field `" + e.arguments[i]->text + "` is a " + wanted->text() +
                                              ", and this is a " + types_.resolve(given, true).text());
      }
    }
    if (!known)
      return leave(misfit(e, "there is no message `" + e.text + "`", "a map is written {\"key\": value}"));
    return leave(type_of(*known));
  }

  Type loop(Expression& e) {
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

  const Environment& environment_;
  bool types_too_;
  Checked& checked_;
  Unification types_;
  std::vector<Local> locals_;
  std::string path_;  // the names that the expression checked last is made of, if it is
};

}  // namespace

bool check(Expression& expression, const Environment& environment, bool types_too, Checked& checked,
           Issue& issue) {
  try {
    Checker(environment, types_too, checked).run(expression);
    return true;
  } catch (Stop& stopped) {
    issue = std::move(stopped.issue);
    return false;
  }
}

}  // namespace callgate::cel
