// The way to a decision, rule by rule, for people.
#pragma once

#include <string>
#include <vector>

#include "policy/engine.hpp"

namespace callgate::policy {

struct RuleStep {
  std::string rule;
  Action action = Action::deny;
  bool function_matches = false;
  bool other_reading = false;  // it matches another reading of the path only
  std::string when;            // the condition, or empty
  std::string outcome;         // of the condition: "true", "false", "error: ...", "needs the body"; or empty
  const Obligations* obligations = nullptr;  // owned by the engine
};

struct PolicyStep {
  std::string policy;
  Mode mode = Mode::enforce;
  std::string selects;  // "yes", or why it does not: "no caller entry matches", "the process is not known"
  bool counts = false;  // it is of the mode that is in force for the caller, and may select it
  std::string target;   // the entry that the call goes to, as written; empty: none
  std::vector<RuleStep> rules;
};

struct Explanation {
  Decision decision;
  std::vector<PolicyStep> policies;
};

}  // namespace callgate::policy
