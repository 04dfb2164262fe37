#include "policy/tally.hpp"

#include <algorithm>

namespace callgate::policy {

void add_requirement(std::optional<RecordRequirement>& sum, const RecordRequirement& more) {
  if (!sum) {
    sum = more;
    return;
  }
  sum->payloads = sum->payloads && more.payloads;
  sum->payload_limit = std::min(sum->payload_limit, more.payload_limit);
  sum->durability = std::max(sum->durability, more.durability);
  sum->retain = std::max(sum->retain, more.retain);
}

PreparedCall::PreparedCall(const Caller& caller, const Call& call_)
    : call(call_), host(call_.host), second(call_), facts(caller, call), second_facts(caller, second) {
  if (!has_second_reading(call.path)) return;
  second_path = second_reading(call.path);
  second.path = second_path;
}

void Tally::hear(const CompiledPolicy& policy, bool certain, const Caller& caller) {
  if (!heard_) first_ = &policy;
  heard_ = true;
  if (!certain && unknown_.empty()) unknown_ = policy.unknown(caller);
  const Target* target = policy.target_of(call_.host.view(), call_.call.port, call_.call.address);
  if (target == nullptr) return;
  if (aimed_ == nullptr) aimed_ = &policy;
  own_.reset();
  const auto weigh_all = [&](const Call& call, bool restricting_only, ConditionFacts& facts) {
    if (denial_.policy != nullptr) return;
    FunctionIndex::Matches matches;
    policy.functions().find(call, call_.host.view(), restricting_only, matches);
    std::sort(matches.begin(), matches.end());
    const auto end = std::unique(matches.begin(), matches.end());
    for (auto rule = matches.begin(); rule != end && denial_.policy == nullptr; ++rule)
      weigh(policy, *rule, certain, facts, *target);
  };
  weigh_all(call_.call, false, call_.facts);
  // An allow rule must name the path as it is; others count under either reading of it.
  if (!call_.second_path.empty()) weigh_all(call_.second, true, call_.second_facts);
  add_requirement(record_, own_.value_or(policy.document().record));
}

void Tally::weigh(const CompiledPolicy& policy, std::uint32_t rule, bool certain, ConditionFacts& facts,
                  const Target& target) {
  const auto keep_first = [&](Named& named) {
    if (named.policy == nullptr) named = {&policy, rule};
  };
  if (const auto& condition = policy.condition(rule)) {
    const auto result = condition->evaluate(facts);
    if (result.outcome == Condition::Outcome::no) return;
    if (result.outcome == Condition::Outcome::needs_body) return keep_first(curious_);
    if (result.outcome == Condition::Outcome::error) {
      if (faulty_.policy == nullptr) fault_ = result.fault;
      return keep_first(faulty_);
    }
  }
  switch (policy.document().rules[rule].action) {
    case Action::deny:
      return keep_first(certain ? denial_ : uncertain_denial_);
    case Action::approve:
      return keep_first(approval_);
    case Action::allow:
      if (certain) allow(policy, rule, target);
      break;
  }
}

void Tally::allow(const CompiledPolicy& policy, std::uint32_t rule, const Target& target) {
  if (allowance_.policy == nullptr) allowance_ = {&policy, rule};
  if (conflict_.policy == nullptr && !merge_.add(target.upstream)) conflict_ = {&policy, rule};
  const Rule& allowing = policy.document().rules[rule];
  if (allowing.obligations.record) add_requirement(own_, *allowing.obligations.record);
  std::uint32_t number = 0;
  for (const auto& limit : allowing.obligations.limits)
    limits_.push_back({policy.name(), allowing.name, &limit, number++});
}

Decision Tally::verdict() const {
  if (denial_.policy != nullptr) return rule_decision(Verdict::deny, denial_, "denied_by_rule");
  if (uncertain_denial_.policy != nullptr) return decision(Verdict::deny, uncertain_denial_, unknown_);
  if (faulty_.policy != nullptr) {
    // What is wrong with a body is said as it is, so that its sender can mend it.
    Decision denied =
        decision(Verdict::deny, faulty_, fault_.starts_with("body_") ? fault_ : "condition_error");
    denied.fault = fault_;
    return denied;
  }
  if (curious_.policy != nullptr) {
    Decision denied = decision(Verdict::deny, curious_, "body_needed");
    denied.needs_body = true;
    return denied;
  }
  if (approval_.policy != nullptr) {
    Decision denied = decision(Verdict::deny, approval_, "approval_required");
    denied.needs_approval = true;
    return denied;
  }
  if (conflict_.policy != nullptr) return decision(Verdict::deny, conflict_, "conflicting_upstreams");
  if (allowance_.policy != nullptr) {
    Decision allowed = rule_decision(Verdict::allow, allowance_, "allowed_by_rule");
    allowed.limits = limits_;
    return allowed;
  }
  Decision denied = decision(Verdict::deny, {}, aimed_ != nullptr ? "no_rule_matches" : "no_target_matches");
  if (!unknown_.empty()) denied.reason = unknown_;
  denied.policy = aimed_ != nullptr ? aimed_->name() : first_->name();
  return denied;
}

Decision Tally::decision(Verdict verdict, const Named& named, std::string_view reason) const {
  Decision made;
  made.verdict = verdict;
  made.reason = reason;
  made.record = record_.value_or(RecordRequirement{});
  if (named.policy != nullptr) {
    made.policy = named.policy->name();
    made.rule = named.get().name;
  }
  return made;
}

Decision Tally::rule_decision(Verdict verdict, const Named& named, std::string_view code) const {
  const auto& own = named.get().reason;
  return decision(verdict, named, own.empty() ? code : std::string_view(own));
}

}  // namespace callgate::policy
