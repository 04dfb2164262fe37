// What holds of a rule's obligations; part of validate().
#pragma once

#include <vector>

#include "policy/document.hpp"
#include "policy/validate.hpp"

namespace callgate::policy {

// `at` is the rule's place.
[[nodiscard]] std::vector<Fault> validate_obligations(const Rule& rule, const FieldPath& at);

}  // namespace callgate::policy
