#include "policy/engine.hpp"

#include <algorithm>
#include <iterator>
#include <list>
#include <map>
#include <mutex>
#include <stdexcept>

#include "policy/compiled.hpp"
#include "policy/path.hpp"
#include "policy/validate.hpp"

namespace callgate::policy {
namespace {

const Upstream default_upstream{};
const RecordRequirement default_record{};

// The one of two that stores less. A requirement of a policy's is before the default.
const RecordRequirement* stricter(const RecordRequirement* record, const RecordRequirement& other) {
  if (!record->payloads) return record;
  const bool less = !other.payloads || other.payload_limit < record->payload_limit;
  return record == &default_record || less ? &other : record;
}

// The facts of a call, prepared once for all policies.
struct PreparedCall {
  explicit PreparedCall(const Call& call_) : call(call_), host(call_.host), second(call_) {
    if (!has_second_reading(call.path)) return;
    second_path = second_reading(call.path);
    second.path = second_path;
  }

  const Call& call;
  CanonicalHost host;
  std::string second_path;  // empty: there is only one reading
  Call second;              // the call with its second path
};

// Hears all policies of one mode that select the caller, then says what they say together.
class Tally {
 public:
  explicit Tally(const PreparedCall& call) : call_(call) {}

  void hear(const CompiledPolicy& policy, bool certain) {
    if (!heard_) first_ = &policy;
    heard_ = true;
    uncertain_ = uncertain_ || !certain;
    const Target* target = policy.target_of(call_.host.view(), call_.call.port);
    if (target == nullptr) return;
    if (aimed_ == nullptr) aimed_ = &policy;
    record_ = stricter(record_, policy.document().record);
    FunctionIndex::Match match;
    policy.functions().find(call_.call, call_.host.view(), false, match);
    // An allow rule must name the path as it is; a deny rule counts under either reading of it.
    if (!call_.second_path.empty()) policy.functions().find(call_.second, call_.host.view(), true, match);
    if (match.deny != FunctionIndex::none) {
      keep_first(certain ? denial_ : uncertain_denial_, policy, match.deny);
    } else if (match.allow != FunctionIndex::none && certain) {
      keep_first(allowance_, policy, match.allow);
      if (!conflict_.policy && !merge_.add(target->upstream)) conflict_ = {&policy, match.allow};
    }
  }

  // `merged` is called for requirements that no single policy states.
  template <typename Merged>
  [[nodiscard]] Decision say(Merged merged) const {
    if (denial_.policy) return rule_decision(Verdict::deny, denial_, "denied_by_rule");
    if (uncertain_denial_.policy) return decision(Verdict::deny, uncertain_denial_, "process_unknown");
    if (conflict_.policy) return decision(Verdict::deny, conflict_, "conflicting_upstreams");
    if (allowance_.policy) {
      Decision allowed = rule_decision(Verdict::allow, allowance_, "allowed_by_rule");
      allowed.upstream = merge_.widest();
      if (allowed.upstream == nullptr) allowed.upstream = merged(merge_.value());
      return allowed;
    }
    const bool aimed = aimed_ != nullptr;
    Decision denied = decision(Verdict::deny, {}, aimed ? "no_rule_matches" : "no_target_matches");
    if (uncertain_) denied.reason = "process_unknown";
    denied.policy = aimed ? aimed_->name() : first_->name();
    return denied;
  }

 private:
  struct Named {
    const CompiledPolicy* policy = nullptr;
    std::uint32_t rule = FunctionIndex::none;
    [[nodiscard]] const Rule& get() const { return policy->document().rules[rule]; }
  };

  static void keep_first(Named& named, const CompiledPolicy& policy, std::uint32_t rule) {
    if (named.policy == nullptr) named = {&policy, rule};
  }

  [[nodiscard]] Decision decision(Verdict verdict, const Named& named, std::string_view reason) const {
    Decision made;
    made.verdict = verdict;
    made.reason = reason;
    made.record = record_;
    if (named.policy) {
      made.policy = named.policy->name();
      made.rule = named.get().name;
    }
    return made;
  }

  [[nodiscard]] Decision rule_decision(Verdict verdict, const Named& named, std::string_view code) const {
    const auto& own = named.get().reason;
    return decision(verdict, named, own.empty() ? code : std::string_view(own));
  }

  const PreparedCall& call_;
  bool heard_ = false;
  bool uncertain_ = false;
  const CompiledPolicy* first_ = nullptr;
  const CompiledPolicy* aimed_ = nullptr;  // the first whose targets the call is among
  Named denial_;
  Named uncertain_denial_;
  Named allowance_;
  Named conflict_;
  UpstreamMerge merge_;
  const RecordRequirement* record_ = &default_record;
};

}  // namespace

class CompiledEngine final : public Engine {
 public:
  CompiledEngine(std::vector<CallPolicy> documents, Mode default_mode,
                 const std::vector<ResolvedHost>& resolved)
      : default_mode_(default_mode) {
    if (find_collision(documents)) throw std::invalid_argument("two policies have the same name");
    for (const auto& host : resolved) {
      const std::string name(CanonicalHost(host.host).view());
      for (Address address : host.addresses) {
        address.port = 0;
        address.scope = 0;
        names_.emplace(address, name);
      }
    }
    policies_.reserve(documents.size());
    for (auto& document : documents)
      policies_.emplace_back(std::move(document), resolved);
    // By name, so that a decision names the same policy whatever order the files were read in.
    std::sort(policies_.begin(), policies_.end(),
              [](const CompiledPolicy& a, const CompiledPolicy& b) { return a.name() < b.name(); });
  }

  [[nodiscard]] Decision decide(const Caller& caller, const Call& call) const override {
    const Standing standing = standing_of(caller);
    if (!standing.selected) return unselected(standing.mode, standing.process_unknown);
    const PreparedCall prepared(call);
    Tally tally(prepared);
    for (const auto& policy : policies_) {
      if (policy.document().mode != standing.mode) continue;
      const auto selects = policy.selects(caller);
      if (selects != Selects::no) tally.hear(policy, selects == Selects::yes);
    }
    return finish(tally, standing.mode);
  }

  [[nodiscard]] Selection select(const Caller& caller) const override {
    const Standing standing = standing_of(caller);
    Selection selection;
    selection.mode_ = standing.mode;
    selection.record_ = &default_record;
    selection.process_unknown_ = standing.process_unknown;
    if (!standing.selected) return selection;
    for (std::size_t i = 0; i < policies_.size(); ++i) {
      if (policies_[i].document().mode != standing.mode) continue;
      const auto selects = policies_[i].selects(caller);
      if (selects == Selects::no) continue;
      selection.entries_.push_back({static_cast<std::uint32_t>(i), selects == Selects::yes});
      selection.record_ = stricter(selection.record_, policies_[i].document().record);
    }
    return selection;
  }

  [[nodiscard]] Decision decide(const Selection& selection, const Call& call) const override {
    if (selection.entries_.empty()) return unselected(selection.mode_, selection.process_unknown_);
    const PreparedCall prepared(call);
    Tally tally(prepared);
    for (const auto& entry : selection.entries_)
      tally.hear(policies_[entry.policy], entry.certain);
    return finish(tally, selection.mode_);
  }

  [[nodiscard]] std::vector<std::string_view> names_of(const Address& address) const override {
    Address key = address;
    key.port = 0;
    key.scope = 0;
    std::vector<std::string_view> names;
    const auto [first, last] = names_.equal_range(key);
    std::transform(first, last, std::back_inserter(names),
                   [](const auto& entry) -> std::string_view { return entry.second; });
    return names;
  }

  [[nodiscard]] bool is_opaque(const Selection& selection, std::string_view host,
                               std::uint16_t port) const override {
    const CanonicalHost canonical(host);
    return std::any_of(selection.entries_.begin(), selection.entries_.end(), [&](const auto& entry) {
      const Target* target = policies_[entry.policy].target_of(canonical.view(), port);
      return target != nullptr && target->protocol == Protocol::opaque;
    });
  }

  [[nodiscard]] Mode mode(const Caller& caller) const override { return standing_of(caller).mode; }

  [[nodiscard]] Mode workload_mode(std::string_view workload, std::string_view identity) const override {
    // An unknown process stands for every process that the workload could run.
    return mode({workload, identity, {}});
  }

  [[nodiscard]] bool needs_process(std::string_view workload, std::string_view identity) const override {
    return std::any_of(policies_.begin(), policies_.end(), [&](const CompiledPolicy& policy) {
      return policy.selects({workload, identity, {}}) == Selects::unknown;
    });
  }

 private:
  // Under which mode a caller is, before any call.
  struct Standing {
    Mode mode = Mode::enforce;
    bool selected = false;         // by a policy of that mode
    bool process_unknown = false;  // not selected, but it could be
  };

  [[nodiscard]] Standing standing_of(const Caller& caller) const {
    auto observed = Selects::no;
    for (const auto& policy : policies_) {
      const auto selects = policy.selects(caller);
      if (selects == Selects::no) continue;
      if (policy.document().mode == Mode::enforce) return {Mode::enforce, true, false};
      observed = std::max(observed, selects);
    }
    if (observed == Selects::yes) return {Mode::observe, true, false};
    if (default_mode_ == Mode::enforce) return {Mode::enforce, false, observed == Selects::unknown};
    return {Mode::observe, observed == Selects::unknown, false};
  }

  [[nodiscard]] static Decision unselected(Mode mode, bool process_unknown) {
    Decision decision;
    decision.record = &default_record;
    decision.reason = process_unknown ? "process_unknown" : "no_policy";
    if (mode == Mode::enforce) return decision;
    decision.verdict = Verdict::allow;
    decision.enforced = false;
    decision.upstream = &default_upstream;
    return decision;
  }

  [[nodiscard]] Decision finish(const Tally& tally, Mode mode) const {
    Decision decision = tally.say([this](Upstream upstream) { return keep(std::move(upstream)); });
    decision.enforced = mode == Mode::enforce;
    return decision;
  }

  // A lasting copy of merged requirements. There are only as many as fields differ between policies.
  [[nodiscard]] const Upstream* keep(Upstream upstream) const {
    const std::lock_guard lock(merged_mutex_);
    const auto found = std::find(merged_.begin(), merged_.end(), upstream);
    return found != merged_.end() ? &*found : &merged_.emplace_back(std::move(upstream));
  }

  std::vector<CompiledPolicy> policies_;
  std::multimap<Address, std::string> names_;  // by address without port and scope
  Mode default_mode_;
  mutable std::mutex merged_mutex_;
  mutable std::list<Upstream> merged_;
};

std::unique_ptr<const Engine> Engine::compile(std::vector<CallPolicy> documents, Mode default_mode,
                                              const std::vector<ResolvedHost>& resolved) {
  return std::make_unique<const CompiledEngine>(std::move(documents), default_mode, resolved);
}

}  // namespace callgate::policy
