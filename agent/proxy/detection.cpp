#include "proxy/detection.hpp"

#include "proxy/http_conversation.hpp"
#include "proxy/opaque_conversation.hpp"
#include "proxy/opaque_target.hpp"
#include "proxy/tls_conversation.hpp"

namespace callgate::proxy {

namespace {

// The part of the time that a silent caller has, after which its target is dialled: a caller that speaks
// first has spoken by then, nearly always.
constexpr Nanoseconds ahead_part = 8;

}  // namespace

Detection::Detection(Session& session) : session_(session), context_(session.context()) {}

void Detection::step() {
  if (!begun_) {
    begun_ = true;
    begin();
    if (is_opaque(session_)) {
      session_.hand_over(std::make_unique<OpaqueConversation>(session_, false));
      return;
    }
  }
  if (read_caller() && ahead_ != nullptr) look_ahead();
}

void Detection::begin() {
  session_.refresh();
  may_go_ahead_ = can_go_ahead();
  const Nanoseconds silence = context_.settings.detect_timeout;
  session_.set_deadline(session_.accepted_at() + (may_go_ahead_ ? silence / ahead_part : silence));
}

bool Detection::can_go_ahead() const {
  const OpaqueTarget target = find_opaque_target(session_);
  // What is counted is counted once it is known what it is.
  return target.allowed() && target.decision.limits.empty();
}

bool Detection::read_caller() {
  Input& input = session_.input();
  for (;;) {
    if (!input.empty()) {
      if (first_byte_at_ == 0) {
        first_byte_at_ = context_.clock.now();
        session_.set_deadline(first_byte_at_ + context_.settings.head_timeout);
        // It is judged by the policies of now.
        if (session_.refresh()) {
          drop_ahead();
          session_.change_conversation();
          return false;
        }
      }
      if (const FirstBytes kind = classify(input.bytes()); kind != FirstBytes::undecided) {
        found(kind);
        return false;
      }
    }
    Stream& client = session_.client();
    if (!client.readable()) return true;
    const IoResult result = input.receive(client, context_.buffer());
    if (result.status == IoStatus::want_read) return true;
    if (result.status != IoStatus::ok) {
      caller_closed();
      return false;
    }
  }
}

void Detection::look_ahead() {
  session_.input().keep();
  switch (ahead_->step_ahead()) {
    case OpaqueConversation::Ahead::waiting:
      break;
    case OpaqueConversation::Ahead::target_spoke:
      if (!session_.input().empty()) break;  // the caller has begun, and will be told by what it says
      ahead_->take_over(false);
      session_.hand_over(std::move(ahead_));
      return;
    case OpaqueConversation::Ahead::given_up:
      break;  // told once it is clear that the flow is opaque
    case OpaqueConversation::Ahead::withdrawn:
      ahead_.reset();
      break;
  }
  const bool still_silent = first_byte_at_ == 0 && !waited_;
  session_.set_deadline(still_silent ? session_.accepted_at() + context_.settings.detect_timeout
                                     : head_deadline());
}

void Detection::drop_ahead() {
  if (ahead_ == nullptr) return;
  ahead_->give_way();
  ahead_.reset();
}

void Detection::policy_changed() {
  drop_ahead();
  if (session_.refresh()) session_.change_conversation();
}

void Detection::abandon(std::string_view code, std::string_view detail) {
  if (ahead_ != nullptr) ahead_->abandon(code, detail);
}

void Detection::found(FirstBytes kind) {
  if (kind == FirstBytes::no_space && hand_over_opaque(When::allowed, false)) return;
  if (kind == FirstBytes::http1 || kind == FirstBytes::no_space) {
    drop_ahead();
    session_.hand_over(std::make_unique<HttpConversation>(session_, first_byte_at_));
    return;
  }
  if (kind == FirstBytes::tls) {
    drop_ahead();
    session_.hand_over(std::make_unique<TlsConversation>(session_, first_byte_at_));
    return;
  }
  if (hand_over_opaque(When::named, false)) return;
  refuse(kind);
}

bool Detection::hand_over_opaque(When when, bool caller_ended) {
  const OpaqueTarget target = find_opaque_target(session_);
  const bool allowed = target.decision.verdict == policy::Verdict::allow;
  if (!allowed && (when == When::allowed || !target.named)) return false;
  if (ahead_ != nullptr && allowed) {
    ahead_->take_over(caller_ended);
    session_.hand_over(std::move(ahead_));
    return true;
  }
  drop_ahead();
  session_.hand_over(std::make_unique<OpaqueConversation>(session_, caller_ended));
  return true;
}

void Detection::refuse(FirstBytes kind) {
  drop_ahead();
  ++context_.counters.calls_refused;
  const std::string_view answer = refusal_bytes(kind);
  // A fresh connection takes these few bytes, or is gone; both end the same.
  if (!answer.empty()) (void)session_.client().send(answer);
  session_.finish(record::Outcome::refused, "protocol_not_http1", describe(kind), answer.empty());
}

void Detection::caller_closed() {
  if (session_.input().empty()) {
    // Somebody only looked whether the port answers.
    drop_ahead();
    session_.finish(record::Outcome::completed, {}, {});
  } else if (!hand_over_opaque(When::allowed, true)) {
    drop_ahead();
    session_.finish(record::Outcome::caller_aborted, "request_truncated",
                    "the caller closed in the middle of a head");
  }
}

Nanoseconds Detection::head_deadline() const {
  return (first_byte_at_ != 0 ? first_byte_at_ : session_.accepted_at()) + context_.settings.head_timeout;
}

void Detection::expire() {
  if (may_go_ahead_) {
    may_go_ahead_ = false;
    if (session_.input().empty() && can_go_ahead()) {
      ahead_ = std::make_unique<OpaqueConversation>(session_, false);
      look_ahead();
      return;
    }
  }
  if (!waited_) {
    waited_ = true;
    if (hand_over_opaque(When::allowed, false)) return;
    session_.set_deadline(head_deadline());
    if (context_.clock.now() < head_deadline()) return;
  }
  drop_ahead();
  if (!session_.input().empty()) {
    // Its own deadline, which is over, has it answered in HTTP.
    session_.hand_over(std::make_unique<HttpConversation>(session_, first_byte_at_));
    return;
  }
  session_.finish(
      record::Outcome::refused, "head_timeout",
      "the caller sent nothing in time: where the target speaks first, a policy must allow `tcp:connect`");
}

void Detection::drain() {
  if (!session_.input().empty() || context_.keep_idle) return;
  drop_ahead();
  session_.finish(record::Outcome::completed, {}, {});
}

}  // namespace callgate::proxy
