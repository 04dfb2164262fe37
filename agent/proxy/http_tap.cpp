#include "proxy/http_tap.hpp"

#include <algorithm>

#include "proxy/first_bytes.hpp"
#include "proxy/opaque_target.hpp"
#include "proxy/tls_offer.hpp"

namespace callgate::proxy {
namespace {

// Requests that a caller may have under way on one connection before they count as opaque bytes.
constexpr std::size_t most_open_calls = 64;
// The same of all connections of a thread: callgated keeps only so many open calls of one ring.
constexpr std::size_t most_open_calls_of_thread = 4096;
// What may be left of one side's bytes, besides a head, after they were read.
constexpr std::size_t most_unread = 256U << 10U;

policy::Decision would_refuse(std::string_view reason, const policy::Selection& selection) {
  policy::Decision decision;
  decision.enforced = false;
  decision.reason = reason;
  decision.record = selection.record();
  return decision;
}

}  // namespace

HttpTap::HttpTap(Session& session)
    : session_(session),
      context_(session.context()),
      requests_(context_.settings.request),
      responses_(context_.settings.response) {}

HttpTap::~HttpTap() {
  for (const Call& call : calls_) {
    if (call.record.recorded()) --context_.tapped_calls;
  }
}

bool HttpTap::idle() const {
  return !opaque_ && calls_.empty() && from_caller_.empty() && from_target_.empty();
}

void HttpTap::caller_sent(std::string_view bytes) {
  if (opaque_) {
    calls_.back().end.request_body_size += bytes.size();
    payload(calls_.back(), record::Direction::request, record::PayloadKind::stream, bytes);
    return;
  }
  from_caller_.append(bytes);
  read_requests(true);
}

std::size_t HttpTap::finish_request(std::string_view bytes) {
  if (opaque_) {
    caller_sent(bytes);
    return bytes.size();
  }
  if (!requesting()) return 0;
  from_caller_.append(bytes);
  left_over_ = 0;
  read_requests(false);
  if (opaque_) return 0;
  // What was here before was passed on before: what is left over is of the new bytes.
  return bytes.size() - std::min(left_over_, bytes.size());
}

void HttpTap::target_sent(std::string_view bytes) {
  if (!opaque_) {
    from_target_.append(bytes);
    // A target that speaks before it was asked speaks no HTTP.
    if (calls_.empty()) {
      become_opaque();
    } else {
      read_responses();
    }
    return;
  }
  Call& call = calls_.back();
  if (call.end.first_byte_at == 0) call.end.first_byte_at = context_.clock.now();
  call.end.response_body_size += bytes.size();
  if (tls_) tls_->target_sent(bytes);
  payload(call, record::Direction::response, record::PayloadKind::stream, bytes);
}

void HttpTap::target_ended() {
  if (opaque_ || calls_.empty()) return;
  if (responses_.close().event != http1::Event::end) return;
  calls_.front().response_done = true;
  close_front_if_done();
}

void HttpTap::read_requests(bool beyond) {
  if (awaits_name()) return;
  first_ = false;
  std::string_view input = from_caller_;
  while (!opaque_) {
    const http1::Step step = requests_.step(input);
    if (step.event == http1::Event::need_more) break;
    if (step.event == http1::Event::invalid ||
        (step.event == http1::Event::head &&
         (calls_.size() >= most_open_calls || context_.tapped_calls >= most_open_calls_of_thread))) {
      from_caller_.erase(0, from_caller_.size() - input.size());
      become_opaque();
      return;
    }
    if (step.event == http1::Event::head) open_http(input.substr(0, step.consumed));
    Call& call = calls_.back();
    if (step.event == http1::Event::body) {
      call.end.request_body_size += step.body.size();
      payload(call, record::Direction::request, record::PayloadKind::body, step.body);
    }
    if (passing_.wanted()) look_again(step.body, step.event == http1::Event::end);
    input.remove_prefix(step.consumed);
    if (step.event == http1::Event::end) {
      call.request_done = true;
      close_front_if_done();
      if (!beyond) {
        left_over_ = input.size();
        input = {};
        break;
      }
    }
  }
  from_caller_.erase(0, from_caller_.size() - input.size());
  if (!opaque_ && from_caller_.size() > most_unread + context_.settings.request.head_bytes) become_opaque();
}

void HttpTap::read_responses() {
  std::string_view input = from_target_;
  while (!opaque_ && !calls_.empty()) {
    Call& call = calls_.front();
    if (call.response_done) {
      if (input.empty()) break;
      // Answered before it was complete, and the target goes on: nobody asked for that.
      from_target_.erase(0, from_target_.size() - input.size());
      become_opaque();
      return;
    }
    if (call.end.first_byte_at == 0) call.end.first_byte_at = context_.clock.now();
    const http1::Step step = responses_.step(input);
    if (step.event == http1::Event::need_more) break;
    bool lost = step.event == http1::Event::invalid;
    if (step.event == http1::Event::head) {
      payload(call, record::Direction::response, record::PayloadKind::head, input.substr(0, step.consumed));
      if (!responses_.head().interim()) call.end.status = responses_.head().status;
      // What follows is another protocol.
      lost = responses_.head().upgrade;
    } else if (step.event == http1::Event::body) {
      call.end.response_body_size += step.body.size();
      payload(call, record::Direction::response, record::PayloadKind::body, step.body);
    }
    if (!lost || step.event == http1::Event::head) input.remove_prefix(step.consumed);
    if (lost) {
      from_target_.erase(0, from_target_.size() - input.size());
      become_opaque();
      return;
    }
    if (step.event == http1::Event::end && call.end.status != 0) {
      call.response_done = true;
      close_front_if_done();
    }
  }
  from_target_.erase(0, from_target_.size() - input.size());
  if (opaque_) return;
  if ((calls_.empty() && !from_target_.empty()) ||
      from_target_.size() > most_unread + context_.settings.response.head_bytes) {
    become_opaque();
  }
}

void HttpTap::open_http(std::string_view raw) {
  const http1::RequestHead& head = requests_.head();
  session_.refresh();
  policy::Decision decision;
  if (const auto failure = NameStage::run(head, session_.flow(), name_)) {
    open(would_refuse(failure->code, session_.selection()), name_.function, name_.host);
  } else {
    // An observed call waits for nothing, nor for what a condition would look for in its body: that is looked
    // at as it goes by.
    const bool has_body = head.framing != http1::Framing::none;
    decision = DecisionStage::run(session_, name_, head,
                                  {has_body ? policy::Body::State::pending : policy::Body::State::none, {}});
    const auto carriage = CarriageStage::run(head.method);
    if (carriage && decision.verdict == policy::Verdict::allow) {
      decision.verdict = policy::Verdict::deny;
      decision.reason = carriage->code;
    }
    open(decision, name_.function, name_.host);
    if (decision.needs_body) {
      raw_head_.assign(raw);
      passing_.begin(context_.settings.decision_body_bytes);
    }
  }
  payload(calls_.back(), record::Direction::request, record::PayloadKind::head, raw);
  responses_.expect(head.method);
}

void HttpTap::look_again(std::string_view bytes, bool complete) {
  passing_.add(bytes);
  if (!passing_.decidable(complete)) return;
  Call& call = calls_.back();
  (void)call.record.decided(
      DecisionStage::run(session_, name_, raw_head_, context_.settings.request, passing_.body()));
  note_gap(call);
  passing_.clear();
}

void HttpTap::open(const policy::Decision& decision, std::string_view function, std::string_view host) {
  open(calls_.emplace_back(context_), decision, function, host);
}

void HttpTap::open(Call& call, const policy::Decision& decision, std::string_view function,
                   std::string_view host) {
  call.end.opened_at = context_.clock.now();
  call.end.connected_at = connected_at_;
  policy::RecordRequirement requirement = decision.record;
  // Also where the policies have begun to enforce, and what was under way goes on to its end.
  requirement.durability = policy::Durability::async;
  call.record.begin(context_.ids.next(), requirement);
  (void)call.record.open(session_, decision, false, Recorder::untouched, function, host);
  ++context_.counters.calls_allowed;
  if (call.record.recorded()) ++context_.tapped_calls;
  note_gap(call);
}

bool HttpTap::awaits_name() {
  if (!first_ || classify(from_caller_) != FirstBytes::tls) return false;
  hello_ = hello_reader_.feed(std::string_view(from_caller_).substr(hello_reader_.size()));
  return !hello_.hello && !hello_.problem;
}

void HttpTap::open_tls(const tls::ClientHello& hello) {
  const kernel::Flow& flow = session_.flow();
  const std::string host = hello.server_name.empty() ? ip_to_string(flow.destination) : hello.server_name;
  Call& call = calls_.emplace_back(context_);
  tls_.emplace(session_, call.record);
  open(call, tls_->judge(hello, host), "tls:connect " + host, host);
  encrypted_ = true;
  (void)record_offer(call.record, hello);
  note_gap(call);
  tls_->start();
}

void HttpTap::open_opaque() {
  session_.refresh();
  if (hello_.hello) {
    open_tls(*hello_.hello);
    return;
  }
  OpaqueTarget target = find_opaque_target(session_);
  if (!target.named && target.decision.verdict == policy::Verdict::deny) {
    target.decision = would_refuse("protocol_not_http1", session_.selection());
  } else if (target.refusal) {
    target.decision.verdict = policy::Verdict::deny;
    target.decision.reason = target.refusal->code;
  }
  open(target.decision, "tcp:connect", target.host);
}

void HttpTap::become_opaque() {
  // Calls whose answers can no longer be told apart.
  for (Call& call : calls_) {
    close(call, record::Outcome::completed, "protocol_lost",
          "the rest of the connection is recorded as opaque bytes");
  }
  calls_.clear();
  passing_.clear();
  opaque_ = true;
  open_opaque();
  std::string caller;
  std::string target;
  caller.swap(from_caller_);
  target.swap(from_target_);
  if (!caller.empty()) caller_sent(caller);
  if (!target.empty()) target_sent(target);
}

void HttpTap::payload(Call& call, record::Direction direction, record::PayloadKind kind,
                      std::string_view bytes) {
  if (encrypted_) return;
  (void)call.record.payload(direction, kind, bytes);
  note_gap(call);
}

void HttpTap::close(Call& call, record::Outcome outcome, std::string_view code, std::string_view detail) {
  if (!call.record.recorded()) return;
  call.end.outcome = outcome;
  call.end.code = code;
  call.end.detail = detail;
  --context_.tapped_calls;
  (void)call.record.close(call.end);
  note_gap(call);
}

void HttpTap::close_front_if_done() {
  while (!calls_.empty() && calls_.front().response_done && calls_.front().request_done) {
    close(calls_.front(), record::Outcome::completed, {}, {});
    calls_.pop_front();
  }
}

void HttpTap::finish(record::Outcome outcome, std::string_view code, std::string_view detail) {
  tls_.reset();
  for (Call& call : calls_) {
    // A call that was answered is complete, however its connection ended; opaque bytes end as their flow
    // does.
    const bool complete = call.response_done;
    const bool cut = !opaque_ && !complete && outcome == record::Outcome::completed;
    if (complete) {
      close(call, record::Outcome::completed, {}, {});
    } else if (cut) {
      close(call, record::Outcome::failed, "upstream_closed",
            "the connection ended before the answer was complete");
    } else {
      close(call, outcome, code, detail);
    }
  }
  calls_.clear();
}

}  // namespace callgate::proxy
