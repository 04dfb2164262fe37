// Calls that are loops.
#pragma once

#include <cstddef>
#include <string_view>

#include "cel/expression.hpp"

namespace callgate::cel {

struct Macro {
  std::string_view name;
  std::size_t arguments;
  Expression::Loop loop;
  bool pairs;     // with two variables: position or key, and value
  bool filtered;  // the argument behind the variables is a condition on what the last one is for
};

// Null where a call of that name with so many arguments is no macro.
[[nodiscard]] const Macro* find_macro(std::string_view name, std::size_t arguments);

}  // namespace callgate::cel
