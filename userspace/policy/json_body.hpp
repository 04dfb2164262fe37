// A JSON text as values that conditions look at.
#pragma once

#include <string_view>

#include "cel/value.hpp"

namespace callgate::policy {

// Reads a JSON text (RFC 8259) into the arena: objects are maps, numbers doubles. An error is body_not_json
// for what is no JSON, body_ambiguous for an object that has a key twice, since its receiver may take the
// other one, and cost_exceeded where the arena is too small.
[[nodiscard]] cel::Value read_json(std::string_view text, cel::Arena& arena);

}  // namespace callgate::policy
