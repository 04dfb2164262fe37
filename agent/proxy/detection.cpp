#include "proxy/detection.hpp"

#include "proxy/http_conversation.hpp"
#include "proxy/opaque_conversation.hpp"
#include "proxy/opaque_target.hpp"
#include "proxy/tls_conversation.hpp"

namespace callgate::proxy {

void Detection::step() {
  if (!begun_) {
    begun_ = true;
    session_.refresh();
    if (is_opaque(session_)) {
      session_.hand_over(std::make_unique<OpaqueConversation>(session_, false));
      return;
    }
    session_.set_deadline(session_.accepted_at() + context_.settings.detect_timeout);
  }
  Input& input = session_.input();
  for (;;) {
    if (!input.empty()) {
      if (first_byte_at_ == 0) {
        first_byte_at_ = context_.clock.now();
        session_.set_deadline(first_byte_at_ + context_.settings.head_timeout);
        // It is judged by the policies of now.
        if (session_.refresh()) {
          session_.change_conversation();
          return;
        }
      }
      if (const FirstBytes kind = classify(input.bytes()); kind != FirstBytes::undecided) {
        found(kind);
        return;
      }
    }
    Stream& client = session_.client();
    if (!client.readable()) return;
    const IoResult result = input.receive(client, context_.buffer());
    if (result.status == IoStatus::want_read) return;
    if (result.status != IoStatus::ok) {
      caller_closed();
      return;
    }
  }
}

void Detection::policy_changed() {
  if (session_.refresh()) session_.change_conversation();
}

void Detection::found(FirstBytes kind) {
  if (kind == FirstBytes::no_space && hand_over_opaque(When::allowed, false)) return;
  if (kind == FirstBytes::http1 || kind == FirstBytes::no_space) {
    session_.hand_over(std::make_unique<HttpConversation>(session_, first_byte_at_));
    return;
  }
  if (kind == FirstBytes::tls) {
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
  session_.hand_over(std::make_unique<OpaqueConversation>(session_, caller_ended));
  return true;
}

void Detection::refuse(FirstBytes kind) {
  ++context_.counters.calls_refused;
  const std::string_view answer = refusal_bytes(kind);
  // A fresh connection takes these few bytes, or is gone; both end the same.
  if (!answer.empty()) (void)session_.client().send(answer);
  session_.finish(record::Outcome::refused, "protocol_not_http1", describe(kind), answer.empty());
}

void Detection::caller_closed() {
  if (session_.input().empty()) {
    // Somebody only looked whether the port answers.
    session_.finish(record::Outcome::completed, {}, {});
  } else if (!hand_over_opaque(When::allowed, true)) {
    session_.finish(record::Outcome::caller_aborted, "request_truncated",
                    "the caller closed in the middle of a head");
  }
}

void Detection::expire() {
  const Nanoseconds head_deadline =
      (first_byte_at_ != 0 ? first_byte_at_ : session_.accepted_at()) + context_.settings.head_timeout;
  if (!waited_) {
    waited_ = true;
    if (hand_over_opaque(When::allowed, false)) return;
    session_.set_deadline(head_deadline);
    if (context_.clock.now() < head_deadline) return;
  }
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
  if (session_.input().empty() && !context_.keep_idle) session_.finish(record::Outcome::completed, {}, {});
}

}  // namespace callgate::proxy
