// The types that a function takes and gives.
#pragma once

#include <vector>

#include "cel/type.hpp"

namespace callgate::cel {

struct Overload {
  bool member = false;  // called on its first argument
  std::vector<Type> arguments;
  Type result;
};

}  // namespace callgate::cel
