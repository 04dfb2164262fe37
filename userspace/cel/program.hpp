// Expressions, checked once and evaluated often.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "cel/environment.hpp"
#include "cel/expression.hpp"
#include "cel/parser.hpp"
#include "cel/value.hpp"

namespace callgate::cel {

// What the variables of an environment stand for in one evaluation.
class Activation {
 public:
  // Asked for when it is needed, perhaps more than once. Kind::absent where it is not set.
  [[nodiscard]] virtual Value variable(std::size_t index, Arena& arena) const = 0;

 protected:
  ~Activation() = default;
};

struct CompileOptions {
  ParseLimits limits;
  // Whether what does not fit the types of functions is refused, instead of failing when it is evaluated.
  bool types = true;
  // The type that the expression must have; nothing: any. What is dyn is taken, and may come to have another.
  std::optional<Type> result;
};

// Immutable: any number of threads may evaluate it at the same time, and copies are cheap.
class Program {
 public:
  // Evaluates without side effects. An error, and nothing worse, comes of whatever goes wrong: codes are
  // no_such_key, no_such_field, no_such_overload, no_such_variable, division_by_zero, modulus_by_zero,
  // overflow, range, invalid_argument, duplicate_key, cost_exceeded (more than `budget` steps, or the arena's
  // limit), and the host's own. The value lives as long as arena, activation and program.
  [[nodiscard]] Value evaluate(const Activation& activation, Arena& arena,
                               std::int64_t budget = default_budget) const;
  static constexpr std::int64_t default_budget = 100'000;

  [[nodiscard]] const Type& type() const { return type_; }
  // Whether the variable or field is looked at: "call", "call.body". All fields of an object are where it is
  // used as a whole, as in `[call]`.
  [[nodiscard]] bool uses(std::string_view path) const;

 private:
  Program() = default;
  friend std::variant<Program, Issue> compile(std::string_view, const Environment&, const CompileOptions&);

  std::shared_ptr<const Expression> root_;      // shared between copies
  std::shared_ptr<const ObjectTypes> objects_;  // the same; null unless fields are found by their name
  Type type_;
  std::size_t locals_ = 0;
  std::vector<std::string> uses_;
};

[[nodiscard]] std::variant<Program, Issue> compile(std::string_view source, const Environment& environment,
                                                   const CompileOptions& options = {});

}  // namespace callgate::cel
