// The `when` of a rule: an expression in CEL over the call, its caller, its target and the time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "policy/engine.hpp"

namespace callgate::policy {

// Why a condition was refused. The place is within its text, from 1.
struct ConditionFault {
  int line = 1;
  int column = 1;
  std::string message;
  std::string hint;
};

// What conditions look at, and what they have asked for, for one decision. The call's body is read once,
// whatever number of conditions asks for it. One thread; lives no longer than caller and call.
class ConditionFacts {
 public:
  ConditionFacts(const Caller& caller, const Call& call);
  ~ConditionFacts();
  ConditionFacts(const ConditionFacts&) = delete;
  ConditionFacts& operator=(const ConditionFacts&) = delete;

 private:
  friend class Condition;
  class Impl;
  [[nodiscard]] Impl& impl();

  const Caller& caller_;
  const Call& call_;
  // Made in place when a condition first asks: most decisions ask for nothing.
  alignas(std::max_align_t) std::byte place_[192];
  bool made_ = false;
};

// Immutable and shared between threads.
class Condition {
 public:
  enum class Outcome : std::uint8_t { no, yes, needs_body, error };
  struct Result {
    Outcome outcome = Outcome::error;
    std::string_view fault;  // of an error: a stable code that outlives everything
    std::string detail;      // of an error, for people; only with `explain`
  };

  // Checks it as a whole: names, types, regular expressions.
  [[nodiscard]] static std::variant<Condition, ConditionFault> compile(std::string_view source);

  // Bounded in time and memory, without side effects.
  [[nodiscard]] Result evaluate(ConditionFacts& facts, bool explain = false) const;
  // Whether it could look at the content of a call.
  [[nodiscard]] bool looks_into_body() const;
  [[nodiscard]] bool looks_at_process() const;

 private:
  class Program;
  explicit Condition(std::shared_ptr<const Program> program);
  std::shared_ptr<const Program> program_;  // shared: policies are copied, programs are immutable
};

// Reads what conditions would look up in files, time zones: for a process that cannot open files later.
void load_for_conditions();

}  // namespace callgate::policy
