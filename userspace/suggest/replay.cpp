#include "suggest/replay.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "policy/cases.hpp"
#include "suggest/recorded_call.hpp"

namespace callgate::suggest {
namespace {

constexpr std::size_t most_groups = 1000;
constexpr std::size_t longest_function = 300;

Judgement undecidable(std::string lacking) {
  Judgement judgement;
  judgement.text = std::move(lacking);
  return judgement;
}

Judgement decided(const policy::Decision& decision) {
  return {true, policy::describe(decision), std::string(policy::to_string(policy::outcome_of(decision))),
          !decision.rule.empty(), decision.verdict == policy::Verdict::allow};
}

}  // namespace

Judge::Judge(const std::vector<policy::CallPolicy>& policies, policy::Mode default_mode)
    : engine_(policy::Engine::compile(policies, default_mode)), names_(policy::hosts_to_resolve(policies)) {}

Judgement Judge::judge(const v1::Record& record) const {
  const auto call = read_call(record);
  if (!call) return undecidable(call.error().message);
  const auto facts = call->call();
  return call->protocol == "tcp" ? decide_connection(caller_of(record), facts)
                                 : decide(caller_of(record), facts);
}

Judgement Judge::decide(const policy::Caller& caller, const policy::Call& call) const {
  const auto selection = engine_->select(caller);
  const auto decision = engine_->decide(selection, caller, call);
  if (decision.needs_body)
    return undecidable("a condition looks at headers, query, body, process or subject");
  // A policy that may select the caller, or not: what it forbids is not known, and neither is what it cannot
  // decide.
  const bool doubtful = decision.rule.empty() || !decision.fault.empty() || decision.needs_approval ||
                        decision.reason == "subject_unknown" || decision.reason == "process_unknown";
  if (!selection.is_certain() && decision.verdict == policy::Verdict::deny && doubtful)
    return undecidable("a policy selects callers by process or subject");
  return decided(decision);
}

Judgement Judge::decide_connection(const policy::Caller& caller, const policy::Call& call) const {
  const std::string address = call.address != nullptr ? ip_to_string(*call.address) : std::string(call.host);
  const auto denies = [](const Judgement& one) { return one.named && !one.allowed; };
  Judgement known;
  bool open = false;  // something that is not known could change it
  const auto hear = [&](const std::string& host) {
    policy::Call named = call;
    named.host = host;
    const Judgement one = decide(caller, named);
    const bool counts = one.named || !one.decidable;
    if (host == address) {
      known = one;
    } else if (host != call.host) {
      open = open || counts;
    } else if (counts && !denies(known)) {
      // The agent resolved this name to the address then.
      const bool both = known.named && one.named && !denies(one);
      known = both ? Judgement{true, "deny: ambiguous_target", "deny", true, false} : one;
    }
  };
  hear(address);
  for (const auto& name : names_)
    hear(name);
  if (open && !denies(known)) return undecidable("a policy speaks of the connection by a name");
  return known;
}

void Replay::add(const v1::Record& record) {
  ++records_;
  const auto call = read_call(record);
  if (!call || standing_of(record) == Standing::undecided) {
    if (call || call.error().code != "text_cut") {
      ++without_decision_;
    } else {
      ++undecidable_[call.error().message];
    }
    return;
  }
  const auto before = before_.judge(record);
  const auto after = after_.judge(record);
  if (!before.decidable || !after.decidable) {
    ++undecidable_[before.decidable ? after.text : before.text];
    return;
  }
  ++decided_;
  if (before.text == after.text) return;
  const bool other_outcome = before.outcome != after.outcome || before.allowed != after.allowed;
  ++(other_outcome ? different_calls_ : otherwise_explained_);
  const auto target = fmt::format("{}:{}", call->host, call->port);
  const auto method = fmt::format("{}:{}", call->protocol, call->method);
  Key key{before.text, after.text, target, method};
  if (different_.size() >= most_groups && !different_.contains(key))
    key = {before.text, after.text, "others", ""};
  auto& group = different_[key];
  ++group.calls;
  if (group.calls != 1) return;
  group.before = before.text;
  group.after = after.text;
  group.other_outcome = other_outcome;
  group.target = std::get<2>(key);
  group.method = std::get<3>(key);
  group.function = record.function().substr(0, longest_function);
  group.session = record.session_id();
}

std::vector<DifferentCalls> Replay::different() const {
  std::vector<DifferentCalls> all;
  for (const auto& [key, group] : different_)
    all.push_back(group);
  std::stable_sort(all.begin(), all.end(), [](const DifferentCalls& a, const DifferentCalls& b) {
    if (a.other_outcome != b.other_outcome) return a.other_outcome;
    return a.calls > b.calls;
  });
  return all;
}

}  // namespace callgate::suggest
