// One policy, turned into matchers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/condition.hpp"
#include "policy/document.hpp"
#include "policy/engine.hpp"
#include "policy/function_index.hpp"
#include "policy/identity_pattern.hpp"
#include "policy/target_index.hpp"

namespace callgate::policy {

// Whether a policy selects a caller. `unknown`: it depends on a process or subject that is not known.
enum class Selects : std::uint8_t { no, unknown, yes };

class CompiledPolicy {
 public:
  // Throws std::invalid_argument if `document` is not valid.
  CompiledPolicy(CallPolicy document, const std::vector<ResolvedHost>& resolved);

  [[nodiscard]] Selects selects(const Caller& caller) const;
  // Whether selects() can depend on the process of callers that are otherwise such.
  [[nodiscard]] bool needs_process(const Caller& caller) const;
  // The code of what selects() lacks where it says `unknown`.
  [[nodiscard]] std::string_view unknown(const Caller& caller) const;
  // The entry of the targets that the call goes to, or null.
  [[nodiscard]] const Target* target_of(std::string_view canonical_host, std::uint16_t port,
                                        const Address* address) const;

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const CallPolicy& document() const { return document_; }
  [[nodiscard]] const FunctionIndex& functions() const { return functions_; }
  [[nodiscard]] const std::optional<Condition>& condition(std::uint32_t rule) const {
    return conditions_[rule];
  }

 private:
  // Whether all but process and subject of an entry match.
  [[nodiscard]] bool workload_matches(std::size_t entry, const Caller& caller) const;

  CallPolicy document_;
  std::string name_;
  std::vector<std::optional<IdentityPattern>> identities_;  // by entry of the callers
  TargetIndex targets_;
  FunctionIndex functions_;
  std::vector<std::optional<Condition>> conditions_;  // by rule
};

// Whether a rule takes something away from what others allow.
[[nodiscard]] constexpr bool restricts(Action action) {
  return action != Action::allow;
}

}  // namespace callgate::policy
