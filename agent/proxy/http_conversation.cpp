#include "proxy/http_conversation.hpp"

#include <algorithm>

namespace callgate::proxy {
namespace {

// Calls that one step may begin: fairness between the connections of a thread.
constexpr int calls_per_step = 8;
// After the last word: what a caller may still send, and how long.
constexpr std::uint64_t linger_bytes = 256U << 10U;
constexpr Nanoseconds linger_time = 2000 * nanoseconds_per_millisecond;

}  // namespace

HttpConversation::HttpConversation(Session& session, Nanoseconds head_since)
    : session_(session), context_(session.context()), head_since_(head_since) {}

HttpConversation::~HttpConversation() = default;

void HttpConversation::step() {
  for (int calls = 0; calls < calls_per_step;) {
    switch (phase_) {
      case Phase::idle:
      case Phase::head:
        if (!read_head()) return;
        ++calls;
        break;
      case Phase::call:
        if (!step_call()) return;
        break;
      case Phase::lingering:
        linger();
        return;
    }
  }
  session_.run_again();
}

bool HttpConversation::read_head() {
  Input& input = session_.input();
  for (;;) {
    if (!input.empty()) {
      if (phase_ != Phase::head) {
        // Between two calls: the next one is judged by the policies of now.
        if (session_.refresh()) {
          session_.change_conversation();
          return false;
        }
        head_since_ = context_.clock.now();
        phase_ = Phase::head;
      }
      if (exchange_ == nullptr) exchange_ = context_.take_exchange();
      const http1::Step step = exchange_->requests().step(input.bytes());
      if (step.event == http1::Event::head) {
        phase_ = Phase::call;
        exchange_->begin(session_, input.bytes().substr(0, step.consumed));
        input.consume(step.consumed);
        exchange_->head_consumed();
        return true;
      }
      if (step.event == http1::Event::invalid) {
        phase_ = Phase::call;
        exchange_->begin_refused(session_, input.bytes(), exchange_->requests().error());
        input.clear();
        return true;
      }
    }
    if (!receive()) return false;
  }
}

bool HttpConversation::receive() {
  Stream& client = session_.client();
  if (!client.readable()) {
    wait_for_head();
    return false;
  }
  const IoResult result = session_.input().receive(client, context_.buffer());
  if (result.status == IoStatus::ok) return true;
  return receive_failed(result.status);
}

bool HttpConversation::receive_failed(IoStatus status) {
  if (status == IoStatus::want_read) {
    wait_for_head();
    return false;
  }
  if (phase_ == Phase::head) {
    session_.finish(record::Outcome::caller_aborted, "request_truncated",
                    "the caller closed in the middle of a head");
  } else {
    session_.finish(record::Outcome::completed, {}, {});
  }
  return false;
}

void HttpConversation::wait_for_head() {
  session_.set_deadline(phase_ == Phase::idle ? head_since_ + context_.settings.idle_timeout
                                              : head_since_ + context_.settings.head_timeout);
}

bool HttpConversation::step_call() {
  switch (exchange_->step()) {
    case Exchange::Progress::waiting:
      session_.set_deadline(exchange_->deadline());
      return false;
    case Exchange::Progress::again:
      session_.set_deadline(exchange_->deadline());
      session_.run_again();
      return false;
    case Exchange::Progress::keep:
      end_call(true);
      return phase_ == Phase::idle;
    case Exchange::Progress::close:
      end_call(false);
      return true;
    case Exchange::Progress::abort:
      break;
  }
  const Exchange::Ending ending = exchange_->ending();
  context_.give_back(std::move(exchange_));
  session_.finish(ending.outcome, ending.code, ending.detail, true);
  return false;
}

void HttpConversation::end_call(bool keep) {
  const Exchange::Ending ending = exchange_->ending();
  host_ = exchange_->host();
  context_.give_back(std::move(exchange_));
  if (keep && (!context_.draining || context_.keep_idle)) {
    phase_ = Phase::idle;
    head_since_ = context_.clock.now();
    return;
  }
  ending_ = ending;
  start_lingering();
}

void HttpConversation::start_lingering() {
  phase_ = Phase::lingering;
  session_.client().end_output();
  session_.input().clear();
  session_.set_deadline(context_.clock.now() + linger_time);
}

void HttpConversation::linger() {
  Stream& client = session_.client();
  while (client.readable()) {
    const IoResult result = client.read(context_.buffer());
    if (result.status == IoStatus::want_read) return;
    if (result.status == IoStatus::ok) lingered_ += result.size;
    if (result.status != IoStatus::ok || lingered_ > linger_bytes) {
      session_.finish(ending_.outcome, ending_.code, ending_.detail);
      return;
    }
  }
}

void HttpConversation::expire() {
  switch (phase_) {
    case Phase::idle:
      session_.finish(record::Outcome::completed, {}, {});
      return;
    case Phase::head:
      if (exchange_ == nullptr) exchange_ = context_.take_exchange();
      phase_ = Phase::call;
      exchange_->begin_refused(session_, session_.input().bytes(),
                               {408, "head_timeout", "the head of the request did not arrive in time"});
      session_.input().clear();
      step();
      return;
    case Phase::call:
      exchange_->expire();
      step();
      return;
    case Phase::lingering:
      session_.finish(ending_.outcome, ending_.code, ending_.detail);
      return;
  }
}

void HttpConversation::drain() {
  if (context_.keep_idle) return;
  if (phase_ == Phase::idle && session_.input().empty()) session_.finish(record::Outcome::completed, {}, {});
}

// The next call is judged anew when it comes, but a connection to a target that is forbidden now is not kept.
void HttpConversation::policy_changed() {
  if (phase_ == Phase::call && exchange_->policy_changed()) step();
  if (phase_ == Phase::idle && session_.input().empty() && !host_.empty() && session_.forbidden(host_)) {
    session_.finish(record::Outcome::interrupted, "policy_changed",
                    "the policies changed, and do not have the target of the connection any more");
  }
}

void HttpConversation::abandon(std::string_view code, std::string_view detail) {
  if (phase_ == Phase::idle && session_.input().empty()) {
    session_.finish(record::Outcome::completed, {}, {});
    return;
  }
  if (exchange_ != nullptr) {
    if (phase_ == Phase::call) exchange_->abandon(code, detail);
    context_.give_back(std::move(exchange_));
  }
}

}  // namespace callgate::proxy
