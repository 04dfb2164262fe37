// Which patterns stand for everything that another stands for. Conservative: false where it is not sure.
#pragma once

#include "policy/function_pattern.hpp"

namespace callgate::policy {

[[nodiscard]] bool covers(const HostPattern& wide, const HostPattern& narrow);
[[nodiscard]] bool covers(const FunctionPattern& wide, const FunctionPattern& narrow);
// Whether some host could match both.
[[nodiscard]] bool overlap(const HostPattern& left, const HostPattern& right);

}  // namespace callgate::policy
