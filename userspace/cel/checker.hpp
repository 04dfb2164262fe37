// Finds what names mean, and the types of everything.
#pragma once

#include <vector>

#include "cel/environment.hpp"
#include "cel/expression.hpp"

namespace callgate::cel {

struct Checked {
  Type type;
  std::size_t locals = 0;  // that loops need at once
  // The variables and fields that are looked at: "call.body"; by the longest path that objects declare.
  // "call.*": all of its fields, since the object is used as a whole.
  std::vector<std::string> uses;
  // Whether it takes evaluation to know which object a field is of.
  bool finds_fields = false;
};

// Annotates the tree: names get their variables, calls their functions, patterns are compiled. With
// `types_too`, what does not fit the types of functions is an issue; without, it fails when it is evaluated.
// False for an issue.
[[nodiscard]] bool check(Expression& expression, const Environment& environment, bool types_too,
                         Checked& checked, Issue& issue);

}  // namespace callgate::cel
