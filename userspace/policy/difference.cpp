#include "policy/difference.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

namespace callgate::policy {
namespace {

void compare_text(std::string_view name, std::string_view before, std::string_view after,
                  std::vector<std::string>& details) {
  if (before != after)
    details.push_back(
        fmt::format("{}: {} -> {}", name, before.empty() ? "none" : before, after.empty() ? "none" : after));
}

// What is only in one of the two.
void compare_sets(std::string_view name, std::vector<std::string> before, std::vector<std::string> after,
                  std::vector<std::string>& details) {
  std::sort(before.begin(), before.end());
  std::sort(after.begin(), after.end());
  std::vector<std::string> only;
  std::set_difference(before.begin(), before.end(), after.begin(), after.end(), std::back_inserter(only));
  for (const auto& text : only)
    details.push_back(fmt::format("{}: - {}", name, text));
  only.clear();
  std::set_difference(after.begin(), after.end(), before.begin(), before.end(), std::back_inserter(only));
  for (const auto& text : only)
    details.push_back(fmt::format("{}: + {}", name, text));
}

template <typename Element, typename Text>
std::vector<std::string> texts(const std::vector<Element>& elements, Text text) {
  std::vector<std::string> made;
  std::transform(elements.begin(), elements.end(), std::back_inserter(made), text);
  return made;
}

Change compare_rules(const std::string& policy, const Rule& before, const Rule& after) {
  Change change{Change::Kind::changed, policy, after.name, {}};
  compare_text("action", to_string(before.action), to_string(after.action), change.details);
  compare_text("when", before.when, after.when, change.details);
  compare_text("reason", before.reason, after.reason, change.details);
  compare_sets("function", before.functions, after.functions, change.details);
  compare_sets("obligation", describe(before.obligations), describe(after.obligations), change.details);
  return change;
}

Change compare_scopes(const CallPolicy& before, const CallPolicy& after) {
  Change change{Change::Kind::changed, qualified_name(after), {}, {}};
  const auto kind = [](const CallPolicy& policy) {
    return policy.kind == Kind::cluster ? "ClusterCallPolicy" : "CallPolicy";
  };
  const auto target = [](const Target& one) { return to_string(one) + ", " + to_string(one.upstream); };
  compare_text("kind", kind(before), kind(after), change.details);
  compare_text("mode", to_string(before.mode), to_string(after.mode), change.details);
  const auto caller = [](const CallerPattern& one) { return to_string(one); };
  compare_sets("caller", texts(before.callers, caller), texts(after.callers, caller), change.details);
  compare_sets("target", texts(before.targets, target), texts(after.targets, target), change.details);
  compare_text("record", to_string(before.record), to_string(after.record), change.details);
  return change;
}

void compare_policies(const CallPolicy& before, const CallPolicy& after, std::vector<Change>& changes) {
  const std::string name = qualified_name(after);
  if (auto scope = compare_scopes(before, after); !scope.details.empty()) changes.push_back(std::move(scope));
  const auto find = [](const CallPolicy& policy, const std::string& rule) {
    return std::find_if(policy.rules.begin(), policy.rules.end(),
                        [&](const Rule& other) { return other.name == rule; });
  };
  for (const auto& rule : before.rules) {
    const auto now = find(after, rule.name);
    if (now == after.rules.end()) {
      changes.push_back({Change::Kind::removed, name, rule.name, {}});
    } else if (auto change = compare_rules(name, rule, *now); !change.details.empty()) {
      changes.push_back(std::move(change));
    }
  }
  for (const auto& rule : after.rules) {
    if (find(before, rule.name) == before.rules.end())
      changes.push_back({Change::Kind::added, name, rule.name, {}});
  }
}

}  // namespace

std::vector<Change> compare(const std::vector<CallPolicy>& before, const std::vector<CallPolicy>& after) {
  std::map<std::string, std::pair<const CallPolicy*, const CallPolicy*>> all;
  for (const auto& policy : before)
    all[qualified_name(policy)].first = &policy;
  for (const auto& policy : after)
    all[qualified_name(policy)].second = &policy;
  std::vector<Change> changes;
  for (const auto& [name, both] : all) {
    if (both.first == nullptr) {
      changes.push_back({Change::Kind::added, name, {}, {}});
    } else if (both.second == nullptr) {
      changes.push_back({Change::Kind::removed, name, {}, {}});
    } else {
      compare_policies(*both.first, *both.second, changes);
    }
  }
  return changes;
}

}  // namespace callgate::policy
