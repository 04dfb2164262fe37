// Which overload of a function a call means.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "cel/overload.hpp"
#include "cel/unification.hpp"

namespace callgate::cel {

// The type of a call's result, dyn where several overloads with different ones could be meant; `types` learns
// what the only one presupposes. Nothing where none is for what is given.
[[nodiscard]] std::optional<Type> choose_overload(Unification& types, bool member,
                                                  std::span<const Type> given,
                                                  std::span<const Overload> overloads);

// The type that any number of numbers, or a list of them, have in common: dyn where they differ. Nothing
// where one is no number, or there is none.
[[nodiscard]] std::optional<Type> common_number(const Unification& types, std::span<const Type> given);

}  // namespace callgate::cel
