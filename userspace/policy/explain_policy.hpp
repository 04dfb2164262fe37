// What one policy makes of a call, rule by rule: for people, without the indexes.
#pragma once

#include "policy/compiled.hpp"
#include "policy/explanation.hpp"

namespace callgate::policy {

// `counts`: the policy is of the mode that is in force for the caller.
[[nodiscard]] PolicyStep explain_policy(const CompiledPolicy& policy, bool counts, const Caller& caller,
                                        const Call& call);

}  // namespace callgate::policy
