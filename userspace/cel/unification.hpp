// Which types can stand for which, while some of them are not known yet.
#pragma once

#include <optional>
#include <vector>

#include "cel/type.hpp"

namespace callgate::cel {

class Unification {
 public:
  // A type that nothing is known of yet.
  [[nodiscard]] Type fresh();
  // The type with fresh ones instead of the variables of a declaration.
  [[nodiscard]] Type instantiate(const Type& declared, std::vector<std::optional<Type>>& fresh_ones);
  // Whether a value of `given` can be used where `wanted` is asked for; learns what that presupposes.
  [[nodiscard]] bool assign(const Type& wanted, const Type& given);
  // The type with everything that is known by now; what is not is dyn, if `final`.
  [[nodiscard]] Type resolve(const Type& type, bool final = false) const;
  // The type of a collection of both.
  [[nodiscard]] Type join(const Type& left, const Type& right);

  // For trying something out.
  [[nodiscard]] std::vector<std::optional<Type>> save() const { return known_; }
  void restore(std::vector<std::optional<Type>> saved) { known_ = std::move(saved); }

 private:
  [[nodiscard]] bool occurs(std::size_t variable, const Type& type) const;

  std::vector<std::optional<Type>> known_;  // by the number of the variable
};

}  // namespace callgate::cel
