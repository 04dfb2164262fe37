// Hears all policies of one mode that select the caller, then says what they say together.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "policy/compiled.hpp"
#include "policy/path.hpp"

namespace callgate::policy {

// The facts of a call, prepared once for all policies.
struct PreparedCall {
  PreparedCall(const Caller& caller, const Call& call_);

  const Call& call;
  CanonicalHost host;
  std::string second_path;  // empty: there is only one reading
  Call second;              // the call with its second path
  ConditionFacts facts;
  ConditionFacts second_facts;
};

class Tally {
 public:
  explicit Tally(PreparedCall& call) : call_(call) {}

  // `certain`: the policy selects the caller whatever is not known.
  void hear(const CompiledPolicy& policy, bool certain, const Caller& caller);
  // `merged` is called for requirements that no single policy states, and returns where they are kept.
  template <typename Merged>
  [[nodiscard]] Decision say(Merged merged) const {
    Decision decision = verdict();
    if (decision.verdict != Verdict::allow) return decision;
    decision.upstream = merge_.widest();
    if (decision.upstream == nullptr) decision.upstream = merged(merge_.value());
    return decision;
  }

 private:
  struct Named {
    const CompiledPolicy* policy = nullptr;
    std::uint32_t rule = FunctionIndex::none;
    [[nodiscard]] const Rule& get() const { return policy->document().rules[rule]; }
  };

  void weigh(const CompiledPolicy& policy, std::uint32_t rule, bool certain, ConditionFacts& facts,
             const Target& target);
  void allow(const CompiledPolicy& policy, std::uint32_t rule, const Target& target);
  [[nodiscard]] Decision verdict() const;
  [[nodiscard]] Decision decision(Verdict verdict, const Named& named, std::string_view reason) const;
  [[nodiscard]] Decision rule_decision(Verdict verdict, const Named& named, std::string_view code) const;

  PreparedCall& call_;
  bool heard_ = false;
  std::string_view unknown_;  // the code of what a policy lacked
  const CompiledPolicy* first_ = nullptr;
  const CompiledPolicy* aimed_ = nullptr;  // the first whose targets the call is among
  std::optional<RecordRequirement> own_;   // of the rules of the policy that is heard
  Named denial_;
  Named uncertain_denial_;
  Named faulty_;
  std::string_view fault_;
  Named curious_;  // needs the body
  Named approval_;
  Named allowance_;
  Named conflict_;
  UpstreamMerge merge_;
  boost::container::small_vector<LimitInForce, 2> limits_;
  std::optional<RecordRequirement> record_;
};

// Adds one more requirement to those that hold together: the least of what is stored, the most of what is
// waited for, and the longest time.
void add_requirement(std::optional<RecordRequirement>& sum, const RecordRequirement& more);

}  // namespace callgate::policy
