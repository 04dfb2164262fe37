#include "proxy/opaque_conversation.hpp"

#include <fmt/format.h>

namespace callgate::proxy {

OpaqueConversation::OpaqueConversation(Session& session, bool caller_ended)
    : session_(session),
      context_(session.context()),
      call_(session),
      policy_(session.policy()),
      target_(find_opaque_target(session)),
      caller_ended_(caller_ended) {}

void OpaqueConversation::step() {
  if (given_up_ && !call_.ending()) {
    call_.end(Tunnel::Ending(*given_up_));
    return;
  }
  if (call_.ending()) {
    call_.finish();
    return;
  }
  switch (phase_) {
    case Phase::opening:
      open();
      break;
    case Phase::syncing:
      sync();
      break;
    case Phase::connecting:
      connect();
      break;
    case Phase::proved:
      record_upstream();
      break;
    case Phase::listening:
      begin_relay();
      break;
    case Phase::relaying:
      relay();
      break;
  }
}

OpaqueConversation::Ahead OpaqueConversation::step_ahead() {
  ahead_ = true;
  if (!given_up_ && phase_ != Phase::listening) step();
  if (!given_up_ && phase_ == Phase::listening) listen();
  if (withdrawn_) return Ahead::withdrawn;
  if (given_up_) return Ahead::given_up;
  return from_target_.empty() ? Ahead::waiting : Ahead::target_spoke;
}

void OpaqueConversation::listen() {
  if (!from_target_.empty() || !upstream_->stream->readable()) return;
  switch (from_target_.receive(*upstream_->stream, context_.buffer()).status) {
    case IoStatus::ok:
      from_target_.keep();
      return;
    case IoStatus::want_read:
    case IoStatus::want_write:
      return;
    case IoStatus::closed:
      // Its end was read here, where nobody can pass it on: a connection that is made later has one, too.
      withdrawn_ = true;
      give_way();
      return;
    case IoStatus::failed:
      break;
  }
  const Error& error = upstream_->stream->error();
  end({record::Outcome::failed, error.code, error.message, true});
}

void OpaqueConversation::take_over(bool caller_ended) {
  ahead_ = false;
  caller_ended_ = caller_ended;
}

void OpaqueConversation::give_way() {
  end({record::Outcome::completed, {}, {}, false});
}

void OpaqueConversation::open() {
  if (!call_.open(target_.decision, "tcp:connect", target_.host)) return;
  if (!call_.allowed(target_.decision)) {
    end({record::Outcome::denied, "denied", denial(target_), true});
    return;
  }
  if (target_.refusal) {
    refuse(*target_.refusal);
    return;
  }
  if (const auto failure = call_.count(target_.decision, "tcp:connect", target_.host)) {
    end({record::Outcome::denied, failure->code, failure->detail, true});
    return;
  }
  phase_ = Phase::syncing;
  sync();
}

void OpaqueConversation::sync() {
  if (!call_.synced()) return;
  const auto bucket = session_.upstream_bucket(*target_.decision.upstream, target_.host);
  if (!bucket) {
    refuse({503, bucket.error().code, bucket.error().message});
    return;
  }
  ++context_.counters.calls_allowed;
  connector_.start(context_, *session_.workload(), *bucket, session_.stream_user());
  phase_ = Phase::connecting;
  connect();
}

std::string OpaqueConversation::denial(const OpaqueTarget& target) const {
  return denial_text(target.decision,
                     fmt::format("tcp:connect to {}:{}", target.host, session_.flow().destination.port));
}

void OpaqueConversation::refuse(const Failure& failure) {
  end({record::Outcome::refused, failure.code, failure.detail, true});
}

void OpaqueConversation::connect() {
  if (session_.client().broken() && !caller_ended_) {
    end({record::Outcome::caller_aborted, "caller_closed", "the caller reset the connection", true});
    return;
  }
  switch (connector_.step()) {
    case Connector::Progress::waiting_for_socket:
      session_.wait_for(Wait::sockets);
      [[fallthrough]];
    case Connector::Progress::waiting:
      session_.set_deadline(connector_.deadline());
      return;
    case Connector::Progress::ready:
      call_.facts().connected_at = connector_.connected_at();
      call_.facts().handshaken_at = connector_.handshaken_at();
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
    (void)call_.record().upstream(shown->facts());
  }
  refuse(Failure(connector_.failure()));
}

void OpaqueConversation::record_upstream() {
  if (!call_.recorded(call_.record().upstream(upstream_->facts()))) return;
  phase_ = Phase::listening;
  if (!ahead_) begin_relay();
}

void OpaqueConversation::begin_relay() {
  phase_ = Phase::relaying;
  tunnel_.emplace(session_, call_.record(), *upstream_->stream, call_.facts(), call_.limits(),
                  Tunnel::Payload::recorded, caller_ended_);
  tunnel_->begin_with(from_target_.bytes());
  from_target_.clear();
  relay();
}

void OpaqueConversation::relay() {
  const Tunnel::Progress progress = tunnel_->step();
  if (progress == Tunnel::Progress::ended) {
    end(Tunnel::Ending(tunnel_->ending()));
    return;
  }
  session_.set_deadline(tunnel_->deadline());
  if (progress == Tunnel::Progress::again) session_.run_again();
}

void OpaqueConversation::end(const Tunnel::Ending& ending) {
  tunnel_.reset();
  connector_.cancel();
  if (upstream_ != nullptr && ending.reset) upstream_->stream->reset_on_close();
  upstream_ = nullptr;
  if (!ahead_) {
    call_.end(ending);
    return;
  }
  if (given_up_) return;
  given_up_ = ending;
  call_.close(ending.outcome, ending.code, ending.detail);
}

void OpaqueConversation::expire() {
  if (call_.ending()) {
    call_.give_up();
    return;
  }
  switch (phase_) {
    case Phase::opening:
    case Phase::proved:
      refuse({503, "recording_unavailable", "the ring of events stayed full"});
      return;
    case Phase::syncing:
      refuse(not_synced());
      return;
    case Phase::connecting:
      connector_.expire();
      refuse(Failure(connector_.failure()));
      return;
    case Phase::listening:
      return;
    case Phase::relaying:
      if (tunnel_->deadline() == 0 || context_.clock.now() < tunnel_->deadline()) return;
      tunnel_->expire();
      end(Tunnel::Ending(tunnel_->ending()));
      return;
  }
}

void OpaqueConversation::policy_changed() {
  if (call_.ending()) return;
  session_.refresh();
  if (session_.selection().mode() != policy::Mode::enforce) return;
  if (phase_ == Phase::opening) {
    policy_ = session_.policy();
    target_ = find_opaque_target(session_);
    return;
  }
  const OpaqueTarget now = judge_opaque_target(session_, target_.host);
  if (now.allowed() && same_demands(*now.decision.upstream, *target_.decision.upstream)) return;
  end({record::Outcome::interrupted, "policy_changed",
       now.allowed() ? std::string("the policies changed: they demand another proof of the target")
                     : "the policies changed: " + denial(now),
       true});
}

void OpaqueConversation::abandon(std::string_view code, std::string_view detail) {
  call_.interrupt(code, detail);
  tunnel_.reset();
  if (upstream_ != nullptr) upstream_->stream->reset_on_close();
  upstream_ = nullptr;
}

}  // namespace callgate::proxy
