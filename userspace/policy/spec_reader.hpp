// Reads the parts of a policy's `spec` from YAML. What is wrong goes to the findings; what is read then is of
// no use.
#pragma once

#include "policy/document.hpp"
#include "policy/fields.hpp"

namespace callgate::policy {

[[nodiscard]] CallerPattern read_caller(const YamlNode& node, Findings& findings);
[[nodiscard]] Target read_target(const YamlNode& node, Findings& findings);
[[nodiscard]] Rule read_rule(const YamlNode& node, Findings& findings);
[[nodiscard]] RecordRequirement read_record(const YamlNode& node, Findings& findings);

}  // namespace callgate::policy
