// What is valid, and probably not what its author meant: rules that never match or decide, and what is
// broader than it looks.
#pragma once

#include <vector>

#include "policy/document.hpp"
#include "policy/validate.hpp"

namespace callgate::policy {

// `policy` is valid.
[[nodiscard]] std::vector<Fault> advise(const CallPolicy& policy);

}  // namespace callgate::policy
