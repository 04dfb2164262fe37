// Test cases of policies: calls, and the decisions that they must get.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/call_text.hpp"
#include "policy/document.hpp"

namespace callgate::policy {

enum class Expected : std::uint8_t { allow, deny, approve, observe };

struct CallCase {
  int line = 0;
  std::string name;  // as written, or the call
  CallText text;
  Expected expected = Expected::deny;
  std::optional<std::string> policy;
  std::optional<std::string> rule;
  std::optional<std::string> reason;
};

struct CaseFile {
  std::vector<std::string> policies;  // files, beside the cases
  Mode default_mode = Mode::observe;
  std::vector<CallCase> cases;
  std::vector<Finding> findings;  // with any error there are no cases
};

// Reads a text of at most 1 MiB. A case says `expect` and at least one of `policy`, `rule` and `reason`: what
// is denied for another reason than was meant is no success.
[[nodiscard]] CaseFile parse_cases(std::string_view text, std::string_view file);

// The decision as the agent makes it: with the body where it is asked for.
[[nodiscard]] Decision decide_case(const Engine& engine, const CallText& text);

[[nodiscard]] Expected outcome_of(const Decision& decision);
[[nodiscard]] std::string_view to_string(Expected outcome);
// "deny by rule read of policy payments: no deletes before eight".
[[nodiscard]] std::string describe(const Decision& decision);

// What is not as the case says, or nothing.
[[nodiscard]] std::optional<std::string> mismatch(const CallCase& item, const Decision& decision);

}  // namespace callgate::policy
