// Which types can stand for which, while some of them are not known yet.
#pragma once

#include <cstddef>
#include <optional>
#include <stdexcept>
#include <vector>

#include "cel/type.hpp"

namespace callgate::cel {

// Types that refer to one another so often that nobody could read them.
class TypesTooComplex : public std::runtime_error {
 public:
  TypesTooComplex() : std::runtime_error("the types of the expression are too complex") {}
};

// Every member throws TypesTooComplex once the work of all calls together exceeds a limit.
class Unification {
 public:
  // A type that nothing is known of yet.
  [[nodiscard]] Type fresh();
  // The type with fresh ones instead of the variables of a declaration.
  [[nodiscard]] Type instantiate(const Type& declared, std::vector<std::optional<Type>>& fresh_ones);
  // Whether a value of `given` can be used where `wanted` is asked for; learns what that presupposes.
  [[nodiscard]] bool assign(const Type& wanted, const Type& given);
  // The type with everything that is known by now; what is not is dyn, if `final`.
  [[nodiscard]] Type resolve(const Type& type, bool final = false) const { return resolve(type, final, 0); }
  // The type of a collection of both.
  [[nodiscard]] Type join(const Type& left, const Type& right);

  // For trying something out: what was learnt since the mark is forgotten.
  struct Mark {
    std::size_t variables;
    std::size_t learnt;
  };
  [[nodiscard]] Mark mark() const { return {known_.size(), learnt_.size()}; }
  void undo(Mark mark);

 private:
  [[nodiscard]] Type resolve(const Type& type, bool final, std::size_t depth) const;
  [[nodiscard]] bool occurs(std::size_t variable, const Type& type) const;
  void learn(std::size_t variable, Type type);
  void step() const;

  std::vector<std::optional<Type>> known_;  // by the number of the variable
  std::vector<std::size_t> learnt_;         // the variables that are known, in the order of learning
  mutable std::size_t steps_ = 0;
};

}  // namespace callgate::cel
