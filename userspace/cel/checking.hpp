// One check of one expression; see checker.hpp.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cel/checker.hpp"
#include "cel/functions.hpp"
#include "cel/token_reader.hpp"
#include "cel/unification.hpp"

namespace callgate::cel {

// Throws Stop, or TypesTooComplex.
class Checking {
 public:
  Checking(const Environment& environment, bool types_too, Checked& checked)
      : environment_(environment), types_too_(types_too), checked_(checked) {}

  void run(Expression& expression);

 private:
  using Form = Expression::Form;
  using Kind = Type::Kind;
  using Reference = Expression::Reference;
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
  // A result that is no path of names.
  Type leave(Type type) {
    path_.clear();
    return type;
  }

  Type check(Expression& e);
  Type check_part(Expression& e);
  [[nodiscard]] const Local* find_local(std::string_view name) const;
  // Makes `e` the name of a variable or type, if `name` is one.
  bool refer(Expression& e, const std::string& name, Type& type);
  Type name(Expression& e);
  // "a.b.c" where that is all it is, and `a` no local.
  [[nodiscard]] bool qualified(const Expression& e, std::string& text) const;
  Type select(Expression& e);
  Type has(Expression& e);
  Type field(Expression& e, const Type& of);
  [[nodiscard]] std::optional<Function> function_named(std::string_view name) const;
  [[nodiscard]] std::vector<std::string_view> known_functions() const;
  Type call(Expression& e);
  std::vector<Type> check_arguments(Expression& e);
  Type apply(const Expression& e, const std::vector<Type>& given, std::span<const Overload> overloads);
  [[nodiscard]] std::string misfit_text(const Expression& e, const std::vector<Type>& given) const;
  Type extreme(const Expression& e, const std::vector<Type>& given);
  void check_literals(Expression& e);
  void expect_bool(Expression& e, const std::string& what);
  Type conditional(Expression& e);
  Type joined(std::optional<Type>& so_far, const Type& next);
  Type list(Expression& e);
  Type map(Expression& e);
  Type message(Expression& e);
  Type loop(Expression& e);

  const Environment& environment_;
  bool types_too_;
  Checked& checked_;
  Unification types_;
  std::vector<Local> locals_;
  std::size_t patterns_ = 0;
  std::string path_;  // the names that the expression checked last is made of, if it is
};

}  // namespace callgate::cel
