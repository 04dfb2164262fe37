#include "proxy/tunnel.hpp"

namespace callgate::proxy {
namespace {

// Receives of one step and direction: fairness between the connections of a thread.
constexpr int receives_per_step = 4;

}  // namespace

Tunnel::Tunnel(Session& session, CallRecord& record, Stream& target, CallEnd& end, CallLimits& limits,
               Payload payload, bool caller_ended)
    : session_(session),
      context_(session.context()),
      record_(record),
      target_(target),
      end_(end),
      limits_(limits),
      moved_(context_.clock.now()),
      payload_(payload) {
  ended_[0] = caller_ended;
}

Tunnel::Progress Tunnel::step() {
  bool busy = false;
  // By turns: what one direction leaves free of the ring must not be all that the other ever gets.
  caller_first_ = !caller_first_;
  const Way first = caller_first_ ? Way::to_caller : Way::to_target;
  const Way second = caller_first_ ? Way::to_target : Way::to_caller;
  for (const Way way : {first, second}) {
    budget_ = receives_per_step;
    over_ = over_ || !pump(way);
    if (over_) return Progress::ended;
    busy = busy || budget_ == 0;
  }
  over_ = closed_[0] && closed_[1];
  if (over_) return Progress::ended;
  return busy ? Progress::again : Progress::waiting;
}

bool Tunnel::has_room(std::size_t size) {
  if (payload_ == Payload::counted) return true;
  if (record_.has_room(size)) {
    ring_since_ = 0;
    return true;
  }
  if (ring_since_ == 0) ring_since_ = context_.clock.now();
  session_.wait_for(Wait::ring);
  return false;
}

bool Tunnel::pump(Way way) {
  const int index = static_cast<int>(way);
  Stream& source = from(way);
  Stream& sink = to(way);
  if (sink.blocked()) {
    const std::uint64_t before = sink.bytes_written();
    if (!sink.flush()) return broken(sink);
    if (sink.bytes_written() != before) moved_ = context_.clock.now();
  }
  if (way == Way::to_target && !session_.input().empty() && !sink.blocked()) {
    if (!has_room(session_.input().bytes().size())) return true;
    if (!pass(way, session_.input().bytes())) return false;
    session_.input().clear();
  }
  if (way == Way::to_caller && !first_.empty() && !sink.blocked()) {
    if (!has_room(first_.size())) return true;
    if (!pass(way, first_)) return false;
    first_ = {};
  }
  while (!sink.blocked() && !ended_[index] && source.readable() && budget_ > 0) {
    if (!has_room(context_.recorder.piece_size())) return true;
    --budget_;
    const IoResult result = source.read(context_.buffer());
    if (result.status == IoStatus::ok) {
      if (!pass(way, as_text(Bytes(context_.buffer().data(), result.size)))) return false;
    } else if (result.status == IoStatus::closed) {
      ended_[index] = true;
    } else if (result.status == IoStatus::failed) {
      return broken(source);
    }
  }
  // Of a side that has ended its half, nothing is read any more that could tell of its reset.
  if (sink.broken() && ended_[1 - index] && !closed_[index]) return broken(sink);
  // A side that is gone while the other takes nothing must not wait until it does.
  if (sink.blocked() && source.broken() && !ended_[index] && !closed_[1 - index]) return broken(source);
  if (ended_[index] && !closed_[index] && !sink.blocked()) {
    closed_[index] = true;
    sink.end_output();
  }
  return true;
}

bool Tunnel::pass(Way way, std::string_view bytes) {
  const bool outward = way == Way::to_target;
  if (const auto failure = limits_.take(bytes.size(), context_.clock.now())) {
    ending_ = {record::Outcome::denied, failure->code, failure->detail, true};
    return false;
  }
  const auto direction = outward ? record::Direction::request : record::Direction::response;
  (outward ? end_.request_body_size : end_.response_body_size) += bytes.size();
  if (!outward && end_.first_byte_at == 0) end_.first_byte_at = context_.clock.now();
  if (payload_ == Payload::recorded && !record_.payload(direction, record::PayloadKind::stream, bytes)) {
    ending_ = {record::Outcome::failed, "recording_unavailable", "the bytes could not be recorded", true};
    return false;
  }
  moved_ = context_.clock.now();
  return to(way).send(bytes) || broken(to(way));
}

bool Tunnel::broken(const Stream& gone) {
  const bool caller = &gone == &session_.client();
  const Error& error = gone.error();
  if (caller) {
    ending_ = {record::Outcome::caller_aborted, "caller_closed", "the caller reset the connection", true};
  } else {
    const bool reset = error.code.empty() || error.code == "connection_reset";
    ending_ = {record::Outcome::failed, reset ? "upstream_reset" : error.code,
               error.message.empty() ? "the target reset the connection" : error.message, true};
  }
  return false;
}

Nanoseconds Tunnel::deadline() const {
  if (ring_since_ != 0) return ring_since_ + context_.settings.record_timeout;
  if (target_.blocked() || session_.client().blocked()) return moved_ + context_.settings.stream_timeout;
  const Nanoseconds idle = context_.settings.tunnel_idle_timeout;
  return idle == 0 ? 0 : moved_ + idle;
}

void Tunnel::expire() {
  over_ = true;
  if (ring_since_ != 0) {
    ending_ = {record::Outcome::failed, "recording_unavailable", "the ring of events stayed full", true};
  } else if (target_.blocked()) {
    ending_ = {record::Outcome::failed, "stream_timeout", "the target stopped reading", true};
  } else if (session_.client().blocked()) {
    ending_ = {record::Outcome::caller_aborted, "stream_timeout", "the caller stopped reading", true};
  } else {
    ending_ = {record::Outcome::interrupted, "tunnel_idle_timeout",
               "nothing passed either way for as long as `timeouts.tunnel_idle` allows", true};
  }
}

}  // namespace callgate::proxy
