#include "proxy/opaque_conversation.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace callgate::proxy {

OpaqueConversation::OpaqueConversation(Session& session, bool caller_ended)
    : session_(session),
      context_(session.context()),
      id_(context_.ids.next()),
      policy_(session.policy()),
      target_(find_opaque_target(*policy_->engine, session.selection(), session.flow())),
      caller_ended_(caller_ended) {
  end_.opened_at = context_.clock.now();
}

void OpaqueConversation::step() {
  switch (phase_) {
    case Phase::opening:
      open();
      break;
    case Phase::connecting:
      connect();
      break;
    case Phase::proved:
      record_upstream();
      break;
    case Phase::relaying:
      relay();
      break;
    case Phase::closing:
      close();
      break;
  }
}

void OpaqueConversation::wait_for_ring() {
  if (ring_since_ == 0) ring_since_ = context_.clock.now();
  session_.set_deadline(ring_since_ + context_.settings.record_timeout);
  session_.wait_for(Wait::ring);
}

void OpaqueConversation::open() {
  const policy::RecordRequirement& record = *target_.decision.record;
  const std::uint64_t limit =
      record.payloads ? std::min(record.payload_limit, context_.settings.payload_bytes) : 0;
  const bool allowed =
      target_.decision.verdict == policy::Verdict::allow && target_.decision.upstream != nullptr;
  const std::uint8_t tls =
      allowed ? static_cast<std::uint8_t>(target_.decision.upstream->tls) : Recorder::untouched;
  if (!context_.recorder.call_opened(id_, session_.id(), target_.decision, true, tls,
                                     session_.flow().destination.port, limit, "tcp:connect", target_.host)) {
    wait_for_ring();
    return;
  }
  ring_since_ = 0;
  session_.count_call();
  if (!allowed) {
    end(record::Outcome::denied, "denied", denial(target_), true);
    return;
  }
  if (target_.refusal) {
    end(record::Outcome::refused, target_.refusal->code, target_.refusal->detail, true);
    return;
  }
  const auto bucket = session_.upstream_bucket(*target_.decision.upstream, target_.host);
  if (!bucket) {
    end(record::Outcome::refused, bucket.error().code, bucket.error().message, true);
    return;
  }
  ++context_.counters.calls_allowed;
  connector_.start(context_, *session_.workload(), *bucket, session_.stream_user());
  phase_ = Phase::connecting;
  connect();
}

std::string OpaqueConversation::denial(const OpaqueTarget& target) const {
  const policy::Decision& decision = target.decision;
  const std::string what = fmt::format("tcp:connect to {}:{}", target.host, session_.flow().destination.port);
  if (decision.policy.empty()) return fmt::format("no policy allows {}", what);
  if (decision.rule.empty()) return fmt::format("policy {} does not allow {}", decision.policy, what);
  return fmt::format("rule {} of policy {} denies {}", decision.rule, decision.policy, what);
}

void OpaqueConversation::connect() {
  session_.set_deadline(connector_.deadline());
  if (session_.client().broken() && !caller_ended_) {
    end(record::Outcome::caller_aborted, "caller_closed", "the caller reset the connection", true);
    return;
  }
  switch (connector_.step()) {
    case Connector::Progress::waiting_for_socket:
      session_.wait_for(Wait::sockets);
      return;
    case Connector::Progress::waiting:
      session_.set_deadline(connector_.deadline());
      return;
    case Connector::Progress::ready:
      end_.connected_at = connector_.connected_at();
      end_.handshaken_at = connector_.handshaken_at();
      upstream_ = connector_.take();
      phase_ = Phase::proved;
      record_upstream();
      return;
    case Connector::Progress::failed:
      break;
  }
  if (const UpstreamConnection* shown = connector_.failed_connection();
      shown != nullptr && shown->stream->is_tls()) {
    // What the target showed instead of a proof. Without space for it the refusal says enough.
    (void)context_.recorder.call_upstream(id_, shown->facts());
  }
  const Failure failure = connector_.failure();
  end(record::Outcome::refused, failure.code, failure.detail, true);
}

void OpaqueConversation::record_upstream() {
  if (!context_.recorder.call_upstream(id_, upstream_->facts())) {
    wait_for_ring();
    return;
  }
  ring_since_ = 0;
  phase_ = Phase::relaying;
  tunnel_.emplace(session_, id_, *upstream_->stream, end_, Tunnel::Payload::recorded, caller_ended_);
  relay();
}

void OpaqueConversation::relay() {
  const Tunnel::Progress progress = tunnel_->step();
  if (progress == Tunnel::Progress::ended) {
    const Tunnel::Ending ending = tunnel_->ending();
    end(ending.outcome, ending.code, ending.detail, ending.reset);
    return;
  }
  session_.set_deadline(tunnel_->deadline());
  if (progress == Tunnel::Progress::again) session_.run_again();
}

void OpaqueConversation::end(record::Outcome outcome, std::string_view code, std::string_view detail,
                             bool reset) {
  ending_ = {outcome, std::string(code), std::string(detail), reset};
  end_.outcome = outcome;
  if (outcome == record::Outcome::denied) ++context_.counters.calls_denied;
  if (outcome == record::Outcome::refused) ++context_.counters.calls_refused;
  if (outcome == record::Outcome::failed) ++context_.counters.calls_failed;
  tunnel_.reset();
  connector_.cancel();
  if (upstream_ != nullptr && reset) upstream_->stream->reset_on_close();
  upstream_ = nullptr;
  phase_ = Phase::closing;
  close();
}

void OpaqueConversation::close() {
  end_.code = ending_.code;
  end_.detail = ending_.detail;
  if (!context_.recorder.call_closed(id_, end_)) {
    wait_for_ring();
    return;
  }
  session_.finish(ending_.outcome, ending_.code, ending_.detail, ending_.reset);
}

void OpaqueConversation::expire() {
  switch (phase_) {
    case Phase::opening:
      session_.finish(record::Outcome::refused, "recording_unavailable", "the ring of events stayed full",
                      true);
      return;
    case Phase::connecting: {
      connector_.expire();
      const Failure failure = connector_.failure();
      end(record::Outcome::refused, failure.code, failure.detail, true);
      return;
    }
    case Phase::proved:
      end(record::Outcome::refused, "recording_unavailable", "the ring of events stayed full", true);
      return;
    case Phase::relaying: {
      if (tunnel_->deadline() == 0 || context_.clock.now() < tunnel_->deadline()) return;
      tunnel_->expire();
      const Tunnel::Ending ending = tunnel_->ending();
      end(ending.outcome, ending.code, ending.detail, ending.reset);
      return;
    }
    case Phase::closing:
      // The flow's own end, which waits for space, tells what became of the call.
      session_.finish(ending_.outcome, ending_.code, ending_.detail, ending_.reset);
      return;
  }
}

void OpaqueConversation::policy_changed() {
  if (phase_ == Phase::closing || phase_ == Phase::opening) return;
  session_.refresh();
  if (session_.selection().mode() != policy::Mode::enforce) return;
  const auto policy = session_.policy();
  const OpaqueTarget now = find_opaque_target(*policy->engine, session_.selection(), session_.flow());
  if (now.allowed() && now.host == target_.host) return;
  end(record::Outcome::interrupted, "policy_changed",
      now.allowed()
          ? std::string("the policies now take the connection for another target")
          : fmt::format("the policies changed: {}", now.refusal ? now.refusal->detail : denial(now)),
      true);
}

void OpaqueConversation::abandon(std::string_view code, std::string_view detail) {
  if (phase_ == Phase::opening || phase_ == Phase::closing) return;
  end_.outcome = record::Outcome::interrupted;
  end_.code = code;
  end_.detail = detail;
  (void)context_.recorder.call_closed(id_, end_);
  tunnel_.reset();
  if (upstream_ != nullptr) upstream_->stream->reset_on_close();
  upstream_ = nullptr;
}

}  // namespace callgate::proxy
