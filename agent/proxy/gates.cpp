#include "proxy/gates.hpp"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>

#include "base/log.hpp"

namespace callgate::proxy {
namespace {

// Connections that one turn may accept from a gate.
constexpr int accepts_per_turn = 64;
// Turns in which a gate's backlog is accepted before it goes: more than the longest backlog takes.
constexpr int last_turns = 80;
constexpr Nanoseconds warning_interval = 10'000 * nanoseconds_per_millisecond;

}  // namespace

void Gates::add(std::uint64_t id, Fd socket) {
  remove(id);
  // A listener that waits would make the thread wait.
  const int flags = ::fcntl(socket.get(), F_GETFL);
  if (flags < 0 || ::fcntl(socket.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
    log_error("gate_failed",
              {{"gate", std::to_string(id)}, {"detail", system_error("fcntl", errno).message}});
    return;
  }
  Gate& gate = gates_.emplace_back(*this, id, std::move(socket));
  auto watch = context_.poller.add(gate.socket.get(), gate);
  if (!watch) {
    log_error("gate_failed", {{"gate", std::to_string(id)}, {"detail", watch.error().message}});
    gates_.pop_back();
    return;
  }
  gate.watch = std::move(*watch);
}

void Gates::remove(std::uint64_t id) {
  for (auto gate = gates_.begin(); gate != gates_.end(); ++gate) {
    if (gate->id != id) continue;
    std::erase(waiting_, &*gate);
    gates_.erase(gate);
    return;
  }
}

void Gates::accept_all() {
  for (Gate& gate : gates_)
    accept(gate);
}

void Gates::accept(Gate& gate) {
  std::erase(waiting_, &gate);
  if (!open_) return;
  for (int i = 0; i < accepts_per_turn; ++i) {
    Fd socket(::accept4(gate.socket.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (socket) {
      flows_.add(std::move(socket));
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) return;
    if (errno == EINTR || errno == ECONNABORTED) continue;
    // Out of descriptors or memory: what waits is tried again at the next sweep.
    failed_ = true;
    if (context_.clock.now() < next_warning_) return;
    next_warning_ = context_.clock.now() + warning_interval;
    log_warning("accept_failed", {{"detail", system_error("accept", errno).message}});
    return;
  }
  waiting_.push_back(&gate);
}

void Gates::accept_waiting() {
  const std::vector<Gate*> turn = waiting_;
  for (Gate* gate : turn)
    accept(*gate);
}

void Gates::accept_failed_again() {
  if (std::exchange(failed_, false)) accept_all();
}

void Gates::close() {
  accept_all();
  // New ones may come as fast as they are accepted: only so many turns are theirs.
  for (int turn = 1; turn < last_turns && !waiting_.empty(); ++turn)
    accept_waiting();
  waiting_.clear();
  gates_.clear();
}

}  // namespace callgate::proxy
