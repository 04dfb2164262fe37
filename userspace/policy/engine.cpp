#include "policy/engine.hpp"

#include <algorithm>
#include <iterator>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <stdexcept>

#include "policy/compiled.hpp"
#include "policy/explain_policy.hpp"
#include "policy/explanation.hpp"
#include "policy/tally.hpp"
#include "policy/validate.hpp"

namespace callgate::policy {
namespace {

const Upstream default_upstream{};

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
    has_conditions_ = std::any_of(policies_.begin(), policies_.end(), [](const CompiledPolicy& policy) {
      const auto& rules = policy.document().rules;
      return std::any_of(rules.begin(), rules.end(), [](const Rule& rule) { return !rule.when.empty(); });
    });
    // By name, so that a decision names the same policy whatever order the files were read in.
    std::sort(policies_.begin(), policies_.end(),
              [](const CompiledPolicy& a, const CompiledPolicy& b) { return a.name() < b.name(); });
  }

  [[nodiscard]] Decision decide(const Caller& caller, const Call& call) const override {
    const Standing standing = standing_of(caller);
    if (!standing.selected) return unselected(standing.mode, standing.unknown);
    PreparedCall prepared(caller, call);
    Tally tally(prepared);
    for (const auto& policy : policies_) {
      if (policy.document().mode != standing.mode) continue;
      const auto selects = policy.selects(caller);
      if (selects != Selects::no) tally.hear(policy, selects == Selects::yes, caller);
    }
    Decision decision = finish(tally, standing.mode);
    if (!is_tried(decision)) return decision;
    bool observed = false;
    for (const auto& policy : policies_) {
      if (policy.document().mode != Mode::observe || policy.selects(caller) == Selects::no) continue;
      tally.hear(policy, policy.selects(caller) == Selects::yes, caller);
      observed = true;
    }
    if (observed) decision.trial = trial_of(tally);
    return decision;
  }

  [[nodiscard]] Selection select(const Caller& caller) const override {
    const Standing standing = standing_of(caller);
    Selection selection;
    selection.mode_ = standing.mode;
    selection.unknown_ = standing.unknown;
    if (!standing.selected) {
      selection.record_ = as_in(standing.mode, {});
      return selection;
    }
    std::optional<RecordRequirement> record;
    for (std::size_t i = 0; i < policies_.size(); ++i) {
      const auto selects = policies_[i].selects(caller);
      if (selects == Selects::no) continue;
      if (policies_[i].document().mode != standing.mode) {
        selection.trials_.push_back({static_cast<std::uint32_t>(i), selects == Selects::yes});
        continue;
      }
      selection.entries_.push_back({static_cast<std::uint32_t>(i), selects == Selects::yes});
      add_requirement(record, policies_[i].document().record);
    }
    selection.record_ = as_in(standing.mode, record.value_or(RecordRequirement{}));
    return selection;
  }

  [[nodiscard]] Decision decide(const Selection& selection, const Caller& caller,
                                const Call& call) const override {
    if (selection.entries_.empty()) return unselected(selection.mode_, selection.unknown_);
    PreparedCall prepared(caller, call);
    Tally tally(prepared);
    for (const auto& entry : selection.entries_)
      tally.hear(policies_[entry.policy], entry.certain, caller);
    Decision decision = finish(tally, selection.mode_);
    if (selection.trials_.empty() || !is_tried(decision)) return decision;
    for (const auto& entry : selection.trials_)
      tally.hear(policies_[entry.policy], entry.certain, caller);
    decision.trial = trial_of(tally);
    return decision;
  }

  [[nodiscard]] Explanation explain(const Caller& caller, const Call& call) const override {
    Explanation explanation;
    explanation.decision = decide(caller, call);
    const Standing standing = standing_of(caller);
    for (const auto& policy : policies_) {
      const bool counts = standing.selected && policy.document().mode == standing.mode;
      explanation.policies.push_back(explain_policy(policy, counts, caller, call));
    }
    return explanation;
  }

  [[nodiscard]] bool has_conditions() const override { return has_conditions_; }

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

  [[nodiscard]] bool has_target(const Selection& selection, std::string_view host, std::uint16_t port,
                                const Address* address) const override {
    const CanonicalHost canonical(host);
    return std::any_of(selection.entries_.begin(), selection.entries_.end(), [&](const auto& entry) {
      return policies_[entry.policy].target_of(canonical.view(), port, address) != nullptr;
    });
  }

  [[nodiscard]] bool is_opaque(const Selection& selection, std::string_view host, std::uint16_t port,
                               const Address* address) const override {
    const CanonicalHost canonical(host);
    return std::any_of(selection.entries_.begin(), selection.entries_.end(), [&](const auto& entry) {
      const Target* target = policies_[entry.policy].target_of(canonical.view(), port, address);
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
      return policy.needs_process({workload, identity, {}});
    });
  }

 private:
  // Under which mode a caller is, before any call.
  struct Standing {
    Mode mode = Mode::enforce;
    bool selected = false;     // by a policy of that mode
    std::string_view unknown;  // not selected, but it could be: the code of what is not known
  };

  [[nodiscard]] Standing standing_of(const Caller& caller) const {
    auto observed = Selects::no;
    std::string_view unknown;
    for (const auto& policy : policies_) {
      const auto selects = policy.selects(caller);
      if (selects == Selects::no) continue;
      if (policy.document().mode == Mode::enforce) return {Mode::enforce, true, {}};
      observed = std::max(observed, selects);
      if (unknown.empty()) unknown = policy.unknown(caller);
    }
    if (observed == Selects::yes) return {Mode::observe, true, {}};
    if (observed == Selects::no) unknown = {};
    if (default_mode_ == Mode::enforce) return {Mode::enforce, false, unknown};
    return {Mode::observe, observed == Selects::unknown, {}};
  }

  [[nodiscard]] static Decision unselected(Mode mode, std::string_view unknown) {
    Decision decision;
    decision.record = as_in(mode, {});
    decision.reason = unknown.empty() ? "no_policy" : unknown;
    if (mode == Mode::enforce) return decision;
    decision.verdict = Verdict::allow;
    decision.enforced = false;
    decision.upstream = &default_upstream;
    return decision;
  }

  // Observed policies are asked about what enforced ones let pass.
  [[nodiscard]] static bool is_tried(const Decision& decision) {
    return decision.enforced && decision.verdict == Verdict::allow;
  }
  [[nodiscard]] static Trial trial_of(const Tally& tally) {
    const Decision all = tally.say([](const Upstream&) { return &default_upstream; });
    if (all.verdict == Verdict::allow) return {};
    return {all.policy, all.rule, all.reason, all.needs_body};
  }

  // Nothing that is only observed waits for its record.
  [[nodiscard]] static RecordRequirement as_in(Mode mode, RecordRequirement record) {
    if (mode == Mode::observe) record.durability = Durability::async;
    return record;
  }

  [[nodiscard]] Decision finish(const Tally& tally, Mode mode) const {
    Decision decision = tally.say([this](Upstream upstream) { return keep(std::move(upstream)); });
    decision.enforced = mode == Mode::enforce;
    decision.record = as_in(mode, decision.record);
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
  bool has_conditions_ = false;
  mutable std::mutex merged_mutex_;
  mutable std::list<Upstream> merged_;
};

bool Selection::is_certain() const {
  const auto certain = [](const Entry& entry) { return entry.certain; };
  return unknown_.empty() && std::all_of(entries_.begin(), entries_.end(), certain);
}

std::unique_ptr<const Engine> Engine::compile(std::vector<CallPolicy> documents, Mode default_mode,
                                              const std::vector<ResolvedHost>& resolved) {
  return std::make_unique<const CompiledEngine>(std::move(documents), default_mode, resolved);
}

}  // namespace callgate::policy
