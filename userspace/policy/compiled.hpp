// One policy, turned into matchers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "policy/document.hpp"
#include "policy/engine.hpp"
#include "policy/function_index.hpp"
#include "policy/target_index.hpp"

namespace callgate::policy {

// Whether a policy selects a caller. `unknown`: it depends on a process that is not known.
enum class Selects : std::uint8_t { no, unknown, yes };

class CompiledPolicy {
 public:
  // Throws std::invalid_argument if `document` is not valid.
  CompiledPolicy(CallPolicy document, const std::vector<ResolvedHost>& resolved);

  [[nodiscard]] Selects selects(const Caller& caller) const;
  // The entry of the targets that the call goes to, or null.
  [[nodiscard]] const Target* target_of(std::string_view canonical_host, std::uint16_t port) const;

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const CallPolicy& document() const { return document_; }
  [[nodiscard]] const FunctionIndex& functions() const { return functions_; }

 private:
  CallPolicy document_;
  std::string name_;
  TargetIndex targets_;
  FunctionIndex functions_;
};

}  // namespace callgate::policy
