// A JSON text as values.
#pragma once

#include <string_view>

#include "cel/value.hpp"

namespace callgate::cel {

// Reads a JSON text (RFC 8259) into the arena: objects are maps, numbers doubles. Errors: not_json, also for
// what is nested deeper than 64; ambiguous_json for an object that has a key twice, since another reader may
// take the other one; cost_exceeded where the arena is too small.
[[nodiscard]] Value read_json(std::string_view text, Arena& arena);

}  // namespace callgate::cel
