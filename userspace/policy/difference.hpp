// What changed between two sets of policies, for people.
#pragma once

#include <string>
#include <vector>

#include "policy/document.hpp"

namespace callgate::policy {

struct Change {
  enum class Kind : std::uint8_t { added, removed, changed };
  Kind kind = Kind::changed;
  std::string policy;
  std::string rule;                  // empty: the policy as a whole
  std::vector<std::string> details;  // of a change: "action: allow -> deny"
};

// Policies and rules are told apart by their names; their order says nothing.
[[nodiscard]] std::vector<Change> compare(const std::vector<CallPolicy>& before,
                                          const std::vector<CallPolicy>& after);

// Words of documents, as people write them.
[[nodiscard]] std::string_view to_string(Action action);
[[nodiscard]] std::string_view to_string(Mode mode);
[[nodiscard]] std::string to_string(const CallerPattern& caller);
[[nodiscard]] std::string to_string(const Target& target);
[[nodiscard]] std::string to_string(const Upstream& upstream);
[[nodiscard]] std::string to_string(const RecordRequirement& record);
[[nodiscard]] std::string to_string(const Limit& limit);
[[nodiscard]] std::string to_string(const Mask& mask);
// One line each; none where nothing is asked for.
[[nodiscard]] std::vector<std::string> describe(const Obligations& obligations);

}  // namespace callgate::policy
