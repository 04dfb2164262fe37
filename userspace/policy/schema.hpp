// A JSON Schema of policy documents, for editors. What it cannot say (patterns, conditions, what fits
// together), the parser says.
#pragma once

#include <string>

namespace callgate::policy {

// Draft 2020-12, indented, with a line end.
[[nodiscard]] std::string document_schema();

}  // namespace callgate::policy
