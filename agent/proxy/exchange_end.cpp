// How calls end: with an answer of our own, with a reset, and what becomes of the connection to the target.
#include <algorithm>
#include <array>

#include "proxy/exchange.hpp"
#include "proxy/problem.hpp"

namespace callgate::proxy {
namespace {

// RFC 9110 section 9.2.2.
bool idempotent(std::string_view method) {
  constexpr std::array<std::string_view, 6> methods = {"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"};
  return std::find(methods.begin(), methods.end(), method) != methods.end();
}

// An answer that came in more pieces than this may have filled the receive buffer, so that its end was no
// short read.
constexpr std::uint64_t small_answer = 16U << 10U;

}  // namespace

void Exchange::end(Progress result) {
  tunnel_.reset();
  upstream_ = nullptr;
  result_ = result;
  phase_ = result != Progress::abort && session_->client().blocked() ? Phase::flushing : Phase::ended;
}

void Exchange::answer(const Failure& failure, record::Outcome outcome) {
  connector_.cancel();
  upstream_ = nullptr;
  ring_since_ = 0;
  if (!request_sent_) limits_.give_back(context_.clock.now());
  request_done_ = request_done_ || held_whole_;
  const bool close = !request_known_ || !request_done_ || !keep_alive_ || context_.draining;
  ProblemAnswer problem;
  problem.status = failure.status;
  problem.code = failure.code;
  problem.detail = failure.detail;
  problem.retry_after = failure.retry_after;
  if (outcome == record::Outcome::denied) {
    const bool limited = !failure.rule.empty();
    problem.title = limited                    ? "Limit reached"
                    : decision_.needs_approval ? "Approval required"
                                               : "Denied by policy";
    problem.policy = limited ? failure.policy : decision_.policy;
    problem.rule = limited ? failure.rule : decision_.rule;
    problem.reason = limited ? failure.code : decision_.reason;
  }
  problem.session = session_->id();
  if (record_.recorded()) problem.call = record_.id();
  const std::string text = make_problem(problem, method_ == "HEAD", close);
  end_.status = failure.status;
  if (opened_) {
    const std::size_t head_size = std::min(text.find("\r\n\r\n") + 4, text.size());
    const std::string_view head = std::string_view(text).substr(0, head_size);
    const std::string_view body = std::string_view(text).substr(head_size);
    end_.response_body_size = body.size();
    // Our own words: the record of the call matters more than they do.
    if (record_.payload(record::Direction::response, record::PayloadKind::head, head)) {
      (void)record_.payload(record::Direction::response, record::PayloadKind::body, body);
    }
    if (!close_record(outcome, failure.code, failure.detail)) {
      abort(outcome, "recording_unavailable", "the call's end could not be recorded");
      return;
    }
  } else {
    ++context_.counters.calls_refused;
    ending_ = {outcome, failure.code, failure.detail};
  }
  flushed_ = context_.clock.now();
  end(!session_->client().send(text) ? Progress::abort : close ? Progress::close : Progress::keep);
}

void Exchange::fail(const Failure& failure, record::Outcome outcome) {
  if (response_begun_) {
    abort(outcome, failure.code, failure.detail);
  } else {
    // The failure may be the connector's own, which answering lets go of.
    answer(Failure(failure), outcome);
  }
}

bool Exchange::may_retry(const Failure& failure) const {
  // A target that closed an idle connection just when it was used has seen nothing; but only a request that
  // may be made twice may be made again, since nobody can be sure.
  return upstream_->reused && end_.first_byte_at == 0 && request_done_ && !body_seen_ &&
         idempotent(method_) && failure.code != "tls_client_certificate_refused";
}

void Exchange::upstream_failed(const Failure& failure) {
  if (!may_retry(failure)) {
    fail(failure, record::Outcome::failed);
    return;
  }
  upstream_ = nullptr;
  answer_.clear();
  request_sent_ = false;
  request_stopped_ = false;
  responses_ = http1::ResponseReader(context_.settings.response);
  expected_ = false;
  start_connecting(false);
}

void Exchange::abort(record::Outcome outcome, std::string_view code, std::string_view detail) {
  ending_ = {outcome, std::string(code), std::string(detail)};
  if (!request_sent_) limits_.give_back(context_.clock.now());
  connector_.cancel();
  // Without space even for this the flow's own end, which waits for space, tells what became of the call.
  (void)close_record(outcome, code, detail);
  end(Progress::abort);
}

void Exchange::caller_gone() {
  abort(record::Outcome::caller_aborted, "caller_closed",
        "the caller closed the connection before the call was complete");
}

void Exchange::abandon(std::string_view code, std::string_view detail) {
  if (phase_ != Phase::ended && phase_ != Phase::flushing) abort(record::Outcome::interrupted, code, detail);
}

bool Exchange::close_record(record::Outcome outcome, std::string_view code, std::string_view detail) {
  if (!opened_) return true;
  end_.outcome = outcome;
  end_.code = code;
  end_.detail = detail;
  const bool written = record_.close(end_);
  end_.code = {};
  end_.detail = {};
  if (!written) return false;
  opened_ = false;
  Counters& counters = context_.counters;
  switch (outcome) {
    case record::Outcome::denied:
      ++counters.calls_denied;
      break;
    case record::Outcome::refused:
      ++counters.calls_refused;
      break;
    case record::Outcome::failed:
    case record::Outcome::interrupted:
      ++counters.calls_failed;
      break;
    case record::Outcome::completed:
    case record::Outcome::caller_aborted:
      break;
  }
  return true;
}

void Exchange::release_upstream() {
  Stream& target = *upstream_->stream;
  bool quiet = response_keep_ && request_done_ && !request_stopped_ && answer_.empty() && !target.blocked() &&
               !target.has_buffered();
  if (quiet && (target.readable() && answer_bytes_ > small_answer)) {
    // Bytes that nobody asked for would be taken for the answer to the next request.
    quiet = target.read(context_.buffer()).status == IoStatus::want_read;
  }
  if (!quiet) {
    upstream_ = nullptr;
    return;
  }
  target.expect_edge();
  context_.pool.give_back(std::move(upstream_), context_.clock.now());
}

bool Exchange::flush_client() {
  Stream& caller = session_->client();
  if (!caller.blocked()) return true;
  const std::uint64_t before = caller.bytes_written();
  if (!caller.flush()) {
    caller_gone();
    return false;
  }
  if (caller.bytes_written() != before) flushed_ = context_.clock.now();
  return true;
}

}  // namespace callgate::proxy
