#include "policy/advice.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "policy/pattern_cover.hpp"

namespace callgate::policy {
namespace {

// Comparing every rule with every other one ends here.
constexpr std::size_t most_compared = 500;

class Adviser {
 public:
  explicit Adviser(const CallPolicy& policy) : policy_(policy) {
    PatternFault fault;
    for (const auto& rule : policy.rules) {
      auto& functions = functions_.emplace_back();
      for (const auto& text : rule.functions)
        functions.push_back(parse_function(text, fault).value_or(FunctionPattern{}));
    }
    for (const auto& target : policy.targets)
      hosts_.push_back(target.host.empty() ? HostPattern{}
                                           : parse_host_pattern(target.host, fault).value_or(HostPattern{}));
  }

  std::vector<Fault> run() {
    callers();
    targets();
    for (std::size_t i = 0; i < policy_.rules.size(); ++i) {
      unreachable_functions(i);
      if (policy_.rules.size() <= most_compared) shadowed(i);
      broad(i);
      if (policy_.rules[i].action == Action::approve) {
        add({"spec", "rules", std::to_string(i), "action"},
            "this build has no approvals yet: the rule refuses the call, and says so", "");
      }
    }
    return std::move(found_);
  }

 private:
  void add(FieldPath path, std::string message, std::string hint) {
    found_.push_back({std::move(path), std::move(message), std::move(hint), {}});
  }

  void callers() {
    for (std::size_t i = 0; i < policy_.callers.size(); ++i) {
      const auto& caller = policy_.callers[i];
      if (caller.subject) {
        add({"spec", "callers", std::to_string(i), "subject"},
            "this build reads no tokens yet: no call is known to have this subject, so nothing is allowed by "
            "it",
            "");
      }
      if (caller.process && caller.process->starts_with('*') && caller.process->size() > 1) {
        add({"spec", "callers", std::to_string(i), "process"},
            fmt::format("`{}` is a program of that name anywhere, such as below /tmp", *caller.process),
            "write the whole path");
      }
    }
  }

  void targets() {
    const bool refuses_connections =
        std::any_of(policy_.rules.begin(), policy_.rules.end(), [&](const Rule& rule) {
          return rule.action == Action::deny && std::find(rule.functions.begin(), rule.functions.end(),
                                                          "tcp:connect") != rule.functions.end();
        });
    if (!refuses_connections) return;
    for (std::size_t i = 0; i < policy_.targets.size(); ++i) {
      if (hosts_[i].kind != HostPattern::Kind::suffix) continue;
      add({"spec", "targets", std::to_string(i), "host"},
          fmt::format("a connection for `tcp:connect` says no name, so a deny rule for `{}` stops none that "
                      "another policy allows by address",
                      policy_.targets[i].host),
          "name the hosts one by one, or their `cidr`");
    }
  }

  void unreachable_functions(std::size_t rule) {
    for (std::size_t f = 0; f < functions_[rule].size(); ++f) {
      const auto& function = functions_[rule][f];
      if (function.host.kind == HostPattern::Kind::any) continue;
      const bool reachable = std::any_of(hosts_.begin(), hosts_.end(), [&](const HostPattern& host) {
        return overlap(host, function.host);
      });
      if (reachable) continue;
      add({"spec", "rules", std::to_string(rule), "functions", std::to_string(f)},
          fmt::format("`{}` can never match: no target has that host", policy_.rules[rule].functions[f]),
          "add the host to `targets`, or correct it");
    }
  }

  // Whether every function of `narrow` is one of `wide`.
  [[nodiscard]] bool rule_covers(std::size_t wide, std::size_t narrow) const {
    return std::all_of(functions_[narrow].begin(), functions_[narrow].end(), [&](const FunctionPattern& n) {
      return std::any_of(functions_[wide].begin(), functions_[wide].end(),
                         [&](const FunctionPattern& w) { return covers(w, n); });
    });
  }

  void shadowed(std::size_t rule) {
    const Rule& own = policy_.rules[rule];
    for (std::size_t other = 0; other < policy_.rules.size(); ++other) {
      const Rule& stronger = policy_.rules[other];
      if (other == rule || !stronger.when.empty() || !rule_covers(other, rule)) continue;
      if (stronger.action > own.action) {
        add({"spec", "rules", std::to_string(rule), "name"},
            fmt::format("the rule `{}` never decides: `{}` {} all of its functions", own.name, stronger.name,
                        stronger.action == Action::deny ? "denies" : "asks for approval of"),
            "narrow one of the two");
        return;
      }
      const bool says_nothing_new = stronger.action == own.action && own.obligations == Obligations{} &&
                                    (other < rule || !rule_covers(rule, other));
      if (says_nothing_new) {
        add({"spec", "rules", std::to_string(rule), "name"},
            fmt::format("the rule `{}` adds nothing to `{}`, which has all of its functions", own.name,
                        stronger.name),
            "remove one of the two, or narrow one");
        return;
      }
    }
  }

  void broad(std::size_t rule) {
    const Rule& own = policy_.rules[rule];
    if (own.action != Action::allow || !own.when.empty() || policy_.mode == Mode::observe) return;
    const bool any_host =
        std::any_of(policy_.targets.begin(), policy_.targets.end(), [](const Target& target) {
          return target.host == "*" && !target.range && target.upstream.identity.empty();
        });
    for (std::size_t f = 0; f < own.functions.size() && any_host; ++f) {
      if (functions_[rule][f].kind != FunctionPattern::Kind::any) continue;
      add({"spec", "rules", std::to_string(rule), "functions", std::to_string(f)},
          "this allows every call of every protocol to every host",
          "name functions or hosts; to record without refusing anything, write `mode: observe`");
    }
  }

  const CallPolicy& policy_;
  std::vector<std::vector<FunctionPattern>> functions_;  // by rule
  std::vector<HostPattern> hosts_;                       // by target
  std::vector<Fault> found_;
};

}  // namespace

std::vector<Fault> advise(const CallPolicy& policy) {
  return Adviser(policy).run();
}

}  // namespace callgate::policy
