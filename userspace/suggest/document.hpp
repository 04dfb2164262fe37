// The policy document that is suggested.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "policy/document.hpp"
#include "suggest/evidence.hpp"

namespace callgate::suggest {

struct SuggestionOptions {
  std::string workload;  // name
  std::string name;      // of the policy, a DNS label; empty: made of the workload's
  policy::Mode mode = policy::Mode::observe;
};

struct Suggestion {
  std::string text;  // one document in YAML, printable ASCII; the checker has passed it
  std::string name;
  std::uint64_t calls = 0;     // that it allows
  std::uint64_t denied = 0;    // that it only lists
  std::uint64_t not_kept = 0;  // that were let go, and that it does not allow for want of room
  std::size_t functions = 0;
};

// The least policy that allows the calls of `evidence` that were let go, and none of those that were denied.
// Makes the evidence more general where it would become too long. Errors: bad_name, nothing_recorded,
// invalid_suggestion (a mistake of callgate's own).
[[nodiscard]] Result<Suggestion> suggest(Evidence& evidence, const SuggestionOptions& options);

}  // namespace callgate::suggest
