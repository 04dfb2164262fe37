// What conditions can name: `call`, `caller`, `target` and `now`.
#pragma once

#include <cstddef>
#include <optional>

#include "cel/environment.hpp"
#include "cel/program.hpp"
#include "policy/engine.hpp"

namespace callgate::policy {

// The environment that conditions are checked against. One for all.
[[nodiscard]] const cel::Environment& condition_environment();

// The facts of one decision as variables; each is made when it is asked for, the body once.
class CallVariables final : public cel::Activation {
 public:
  CallVariables(const Caller& caller, const Call& call);
  CallVariables(const CallVariables&) = delete;
  CallVariables& operator=(const CallVariables&) = delete;

  [[nodiscard]] cel::Value variable(std::size_t index, cel::Arena& arena) const override;

 private:
  class CallObject final : public cel::Object {
   public:
    CallObject(const CallVariables& all, const Call& call) : all_(all), call_(call) {}
    [[nodiscard]] cel::Value field(std::size_t index, cel::Arena& arena) const override;
    [[nodiscard]] std::string_view type_name() const override { return "Call"; }

   private:
    [[nodiscard]] cel::Value body(cel::Arena& arena) const;
    [[nodiscard]] cel::Value body_text() const;
    [[nodiscard]] cel::Value size() const;
    // What is wrong with looking into the body, whatever it is; or Kind::null.
    [[nodiscard]] cel::Value obstacle() const;
    [[nodiscard]] bool says_json() const;

    const CallVariables& all_;
    const Call& call_;
    mutable std::optional<cel::Value> read_;  // the body
  };
  class CallerObject final : public cel::Object {
   public:
    CallerObject(const Caller& caller, const Call& call) : caller_(caller), call_(call) {}
    [[nodiscard]] cel::Value field(std::size_t index, cel::Arena& arena) const override;
    [[nodiscard]] std::string_view type_name() const override { return "Caller"; }

   private:
    const Caller& caller_;
    const Call& call_;
  };
  class TargetObject final : public cel::Object {
   public:
    explicit TargetObject(const Call& call) : call_(call) {}
    [[nodiscard]] cel::Value field(std::size_t index, cel::Arena& arena) const override;
    [[nodiscard]] std::string_view type_name() const override { return "Target"; }

   private:
    const Call& call_;
  };

  const Call& call_;
  CallObject call_object_;
  CallerObject caller_object_;
  TargetObject target_object_;
};

}  // namespace callgate::policy
