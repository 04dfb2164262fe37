#include "policy/explain_policy.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "policy/difference.hpp"
#include "policy/tally.hpp"

namespace callgate::policy {
namespace {

std::string selects_text(const CompiledPolicy& policy, const Caller& caller) {
  switch (policy.selects(caller)) {
    case Selects::yes:
      return "yes";
    case Selects::unknown:
      return policy.unknown(caller) == "process_unknown" ? "perhaps: the process is not known"
                                                         : "perhaps: the subject is not known";
    case Selects::no:
      break;
  }
  const auto& document = policy.document();
  if (document.kind == Kind::namespaced &&
      service_account_of(caller.identity).name_space != document.namespace_name) {
    return document.namespace_name.empty()
               ? "no: the caller is of a namespace, and the policy is of none"
               : fmt::format("no: the caller is not of namespace {}", document.namespace_name);
  }
  return "no: no entry of its callers matches";
}

std::string outcome_text(const Condition::Result& result) {
  switch (result.outcome) {
    case Condition::Outcome::no:
      return "false";
    case Condition::Outcome::yes:
      return "true";
    case Condition::Outcome::needs_body:
      return "needs the body";
    case Condition::Outcome::error:
      break;
  }
  return fmt::format("error: {}{}{}", result.fault, result.detail.empty() ? "" : ": ", result.detail);
}

}  // namespace

PolicyStep explain_policy(const CompiledPolicy& policy, bool counts, const Caller& caller, const Call& call) {
  PreparedCall prepared(caller, call);
  PolicyStep step;
  step.policy = policy.name();
  step.mode = policy.document().mode;
  step.selects = selects_text(policy, caller);
  const bool selects = policy.selects(caller) != Selects::no;
  step.counts = counts && selects;
  const Target* target = selects ? policy.target_of(prepared.host.view(), call.port, call.address) : nullptr;
  if (target == nullptr) return step;
  step.target = to_string(*target);
  const auto& rules = policy.document().rules;
  for (std::uint32_t i = 0; i < rules.size(); ++i) {
    RuleStep& added = step.rules.emplace_back();
    added.rule = rules[i].name;
    added.action = rules[i].action;
    added.when = rules[i].when;
    added.obligations = &rules[i].obligations;
    const auto matches = [&](const Call& reading) {
      return std::any_of(rules[i].functions.begin(), rules[i].functions.end(), [&](const std::string& text) {
        PatternFault fault;
        const auto function = parse_function(text, fault);
        return function &&
               function_matches(*function, reading, prepared.host.view(), restricts(added.action));
      });
    };
    added.function_matches = matches(call);
    if (!added.function_matches && !prepared.second_path.empty() && restricts(added.action)) {
      added.function_matches = added.other_reading = matches(prepared.second);
    }
    if (const auto& condition = policy.condition(i); condition && added.function_matches) {
      added.outcome = outcome_text(
          condition->evaluate(added.other_reading ? prepared.second_facts : prepared.facts, true));
    }
  }
  return step;
}

}  // namespace callgate::policy
