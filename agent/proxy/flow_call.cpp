#include "proxy/flow_call.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace callgate::proxy {

FlowCall::FlowCall(Session& session)
    : session_(session), context_(session.context()), record_(context_), limits_(context_.limits) {
  record_.begin(context_.ids.next(), {});
  end_.opened_at = context_.clock.now();
}

bool FlowCall::open(const policy::Decision& decision, std::string_view function, std::string_view host) {
  const std::uint8_t tls =
      allowed(decision) ? static_cast<std::uint8_t>(decision.upstream->tls) : Recorder::untouched;
  record_.begin(id(), decision.record);
  return recorded(record_.open(session_, decision, true, tls, function, host));
}

bool FlowCall::synced() {
  if (record_.synced()) return true;
  if (sync_since_ == 0) sync_since_ = context_.clock.now();
  session_.set_deadline(sync_since_ + context_.settings.record_timeout);
  session_.wait_for(Wait::sync);
  return false;
}

std::optional<Failure> FlowCall::count(const policy::Decision& decision, std::string_view function,
                                       std::string_view host) {
  if (decision.limits.empty()) return std::nullopt;
  return limits_.begin(decision, session_.caller(), function,
                       fmt::format("{}:{}", host, session_.flow().destination.port), context_.clock.now());
}

bool FlowCall::recorded(bool written) {
  if (written) {
    ring_since_ = 0;
    return true;
  }
  if (ring_since_ == 0) ring_since_ = context_.clock.now();
  session_.set_deadline(ring_since_ + context_.settings.record_timeout);
  session_.wait_for(Wait::ring);
  return false;
}

void FlowCall::end(const Tunnel::Ending& ending) {
  ending_ = ending;
  ending_set_ = true;
  if (end_.connected_at == 0) limits_.give_back(context_.clock.now());
  Counters& counters = context_.counters;
  if (ending.outcome == record::Outcome::denied) ++counters.calls_denied;
  if (ending.outcome == record::Outcome::refused) ++counters.calls_refused;
  if (ending.outcome == record::Outcome::failed) ++counters.calls_failed;
  finish();
}

void FlowCall::finish() {
  end_.outcome = ending_.outcome;
  end_.code = ending_.code;
  end_.detail = ending_.detail;
  if (record_.recorded() && !recorded(record_.close(end_))) return;
  give_up();
}

void FlowCall::give_up() {
  session_.finish(ending_.outcome, ending_.code, ending_.detail, ending_.reset);
}

void FlowCall::close(record::Outcome outcome, std::string_view code, std::string_view detail) {
  if (!record_.recorded() || ending_set_) return;
  end_.outcome = outcome;
  end_.code = code;
  end_.detail = detail;
  (void)record_.close(end_);
}

std::string denial_text(const policy::Decision& decision, std::string_view what) {
  if (decision.policy.empty()) return fmt::format("no policy allows {}", what);
  if (decision.rule.empty()) return fmt::format("policy {} does not allow {}", decision.policy, what);
  return fmt::format("rule {} of policy {} denies {}", decision.rule, decision.policy, what);
}

}  // namespace callgate::proxy
