// What holds of every CallPolicy that comes out of this library, whether it was written in YAML or came in a
// snapshot.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/document.hpp"

namespace callgate::policy {

// Where in a document a fault lies: field names and indexes from the root, as in {"spec", "targets", "2",
// "host"}.
using FieldPath = std::vector<std::string>;

// Both from 1.
struct Place {
  int line = 0;
  int column = 0;
};

struct Fault {
  FieldPath path;
  std::string message;
  std::string hint;
  std::optional<Place> place;  // within the field's text
};

// Everything wrong with the values of a policy; empty for one that Engine::compile takes.
[[nodiscard]] std::vector<Fault> validate(const CallPolicy& policy);

// Two policies of one qualified name cannot be told apart. The positions of the first such pair, first <
// second.
struct Collision {
  std::size_t first = 0;
  std::size_t second = 0;
};
[[nodiscard]] std::optional<Collision> find_collision(const std::vector<CallPolicy>& policies);

}  // namespace callgate::policy
