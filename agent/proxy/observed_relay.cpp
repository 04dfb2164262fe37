#include "proxy/observed_relay.hpp"

#include <cerrno>

#include <fmt/format.h>
#include <sys/socket.h>

namespace callgate::proxy {
namespace {

// Receives of one step and direction: fairness between the connections of a thread.
constexpr int receives_per_step = 4;
constexpr std::string_view mode_changed = "mode_changed";

}  // namespace

ObservedRelay::ObservedRelay(Session& session)
    : session_(session),
      context_(session.context()),
      tap_(session),
      deadline_(context_.clock.now() + context_.settings.connect_timeout),
      failures_before_(
          context_.stock.failures(session.workload()->netns_cookie(), session.flow().destination.v6)) {}

void ObservedRelay::step() {
  if (!follow_policy()) return;
  session_.set_deadline(deadline_);
  if (phase_ == Phase::socket && !connect()) return;
  if (phase_ == Phase::connecting && !finish_connect()) return;
  budget_ = receives_per_step;
  if (!pump(Way::to_target)) return;
  const bool busy = budget_ == 0;
  budget_ = receives_per_step;
  if (!pump(Way::to_caller)) return;
  tap_.step();
  if (closed_[0] && closed_[1]) {
    // Both ends have ended: the flow's record alone waits for what is asked beside it.
    if (tap_.asking()) return;
    finish(record::Outcome::completed, {}, {}, false);
    return;
  }
  if (stopping_) {
    stop_between_calls();
    if (target_ == nullptr) return;
  } else if (leave_when_idle_ && tap_.idle() && !target_->blocked() && !session_.client().blocked()) {
    finish(record::Outcome::completed, {}, {}, false);
    return;
  }
  if (busy || budget_ == 0) session_.run_again();
}

bool ObservedRelay::follow_policy() {
  session_.refresh();
  if (stopping_ || session_.selection().mode() != policy::Mode::enforce) return true;
  if (phase_ != Phase::relaying && session_.record_opened()) {
    // Nothing went to the target yet: the flow begins again, under enforcement.
    target_ = nullptr;
    session_.set_deadline(0);
    session_.change_conversation();
    return false;
  }
  stopping_ = true;
  opaque_when_stopped_ = tap_.opaque();
  deadline_ = context_.clock.now() + context_.settings.drain_timeout;
  return true;
}

std::string_view ObservedRelay::pass_on(std::string_view bytes) {
  if (!stopping_) {
    tap_.caller_sent(bytes);
    return bytes;
  }
  const std::string_view rest = bytes.substr(0, tap_.finish_request(bytes));
  held_back_ = held_back_ || rest.size() != bytes.size();
  return rest;
}

void ObservedRelay::stop_between_calls() {
  if (tap_.opaque()) {
    // What was HTTP until now is not let go as something else.
    if (!opaque_when_stopped_) {
      finish(record::Outcome::failed, mode_changed,
             "the flow stopped being HTTP after its policy began to enforce", true);
    }
    return;
  }
  if (tap_.answering() || target_->blocked() || session_.client().blocked()) return;
  if (!held_back_ && tap_.idle() && session_.client().readable()) {
    held_back_ = session_.client().read(context_.buffer()).status == IoStatus::ok;
  }
  if (held_back_ || !tap_.idle()) {
    finish(record::Outcome::refused, mode_changed,
           "the flow's policy began to enforce: its next call needs a new connection", false);
  } else {
    finish(record::Outcome::completed, {}, {}, false);
  }
}

bool ObservedRelay::connect() {
  const Address& destination = session_.flow().destination;
  const std::uint64_t cookie = session_.workload()->netns_cookie();
  Fd socket = context_.stock.take(cookie, destination.v6, context_.clock.now());
  if (!socket) {
    if (context_.stock.failures(cookie, destination.v6) != failures_before_) {
      fail("upstream_socket_unavailable", std::string(context_.stock.last_error(cookie, destination.v6)));
    } else {
      session_.wait_for(Wait::sockets);
    }
    return false;
  }
  sockaddr_storage storage{};
  const socklen_t size = to_sockaddr(destination, storage);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&storage), size) != 0 &&
      errno != EINPROGRESS) {
    fail("connect_failed", system_error(fmt::format("connect to {}", to_string(destination)), errno).message);
    return false;
  }
  auto stream = Stream::make(context_.poller, std::move(socket), session_.stream_user());
  if (!stream) {
    fail(stream.error().code, stream.error().message);
    return false;
  }
  target_ = std::move(*stream);
  target_->expect_connect();
  phase_ = Phase::connecting;
  return true;
}

bool ObservedRelay::finish_connect() {
  if (!target_->writable()) return false;
  if (const int error_number = target_->connect_error(); error_number != 0) {
    fail(error_number == ECONNREFUSED ? "connect_refused" : "connect_failed",
         system_error(fmt::format("connect to {}", to_string(session_.flow().destination)), error_number)
             .message);
    return false;
  }
  tap_.target_connected(context_.clock.now());
  phase_ = Phase::relaying;
  // A connection may be silent for as long as both ends like: nothing is changed for being observed.
  if (!stopping_) deadline_ = 0;
  session_.set_deadline(deadline_);
  return true;
}

bool ObservedRelay::pump(Way way) {
  const bool outward = way == Way::to_target;
  Stream& from = outward ? session_.client() : *target_;
  Stream& to = outward ? *target_ : session_.client();
  const auto send = [&](std::string_view bytes) {
    if (outward) {
      bytes = pass_on(bytes);
    } else {
      tap_.target_sent(bytes);
    }
    return bytes.empty() || to.send(bytes);
  };
  bool sound = to.flush();
  if (sound && outward && !session_.input().empty() && !to.blocked()) {
    sound = send(session_.input().bytes());
    session_.input().clear();
  }
  const auto wanted = [&] { return !outward || !stopping_ || tap_.opaque() || tap_.requesting(); };
  while (sound && !to.blocked() && !ended_[static_cast<int>(way)] && from.readable() && budget_ > 0 &&
         wanted()) {
    --budget_;
    const IoResult result = from.read(context_.buffer());
    if (result.status == IoStatus::ok) {
      sound = send(as_text(Bytes(context_.buffer().data(), result.size)));
    } else if (result.status == IoStatus::closed) {
      ended_[static_cast<int>(way)] = true;
      if (!outward) tap_.target_ended();
    } else if (result.status == IoStatus::failed) {
      finish(outward ? record::Outcome::caller_aborted : record::Outcome::failed,
             outward ? "caller_closed" : "upstream_reset", from.error().message, true);
      return false;
    }
  }
  if (!sound) {
    finish(outward ? record::Outcome::failed : record::Outcome::caller_aborted,
           outward ? "upstream_reset" : "caller_closed", to.error().message, true);
    return false;
  }
  if (ended_[static_cast<int>(way)] && !closed_[static_cast<int>(way)] && !to.blocked()) {
    closed_[static_cast<int>(way)] = true;
    to.end_output();
  }
  return true;
}

void ObservedRelay::fail(std::string_view code, std::string_view detail) {
  finish(record::Outcome::failed, code, detail, true);
}

void ObservedRelay::finish(record::Outcome outcome, std::string_view code, std::string_view detail,
                           bool reset) {
  tap_.finish(outcome, code, detail);
  if (target_ != nullptr && reset) target_->reset_on_close();
  if (outcome == record::Outcome::completed && tap_.has_gap()) {
    code = "record_gap";
    detail = "the ring of events was full: a part of what was observed is not recorded";
  }
  // The views may be of the stream that goes now.
  const std::string kept_code(code);
  const std::string kept_detail(detail);
  target_ = nullptr;
  session_.finish(outcome, kept_code, kept_detail, reset);
}

void ObservedRelay::expire() {
  if (phase_ == Phase::relaying) {
    if (!stopping_ || context_.clock.now() < deadline_) return;
    finish(record::Outcome::failed, mode_changed,
           "the flow's policy began to enforce, and what was under way did not end in time", true);
    return;
  }
  fail("connect_timeout",
       fmt::format("{} did not answer the connection attempt", to_string(session_.flow().destination)));
}

void ObservedRelay::drain() {
  leave_when_idle_ = true;
  step();
}

// A flow that is now to be enforced ends where HTTP lets a connection end; opaque bytes have as long as
// draining takes.
void ObservedRelay::policy_changed() {
  step();
}

void ObservedRelay::abandon(std::string_view code, std::string_view detail) {
  tap_.finish(record::Outcome::interrupted, code, detail);
}

}  // namespace callgate::proxy
