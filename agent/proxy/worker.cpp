#include "proxy/worker.hpp"

#include <cerrno>

#include <sys/epoll.h>

#include "proxy/worker_loop.hpp"

namespace callgate::proxy {
namespace {

// How soon somebody who waits for the ring's reader looks again, in milliseconds.
constexpr int ring_wait = 1;
constexpr Nanoseconds housekeeping_interval = 1000 * nanoseconds_per_millisecond;

Fd make_epoll() {
  Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) throw ErrorException(system_error("make an epoll", errno));
  return epoll;
}

}  // namespace

Worker::Loop::Loop(Fd channel, FlowSource& source)
    : source_(source),
      poller_(make_epoll()),
      channel_(std::move(channel)),
      io_(1),
      channel_events_(io_, channel_.fd()),
      sweep_timer_(io_) {
  auto watch = poller_.add(channel_.fd(), channel_watcher_);
  if (!watch) throw ErrorException(watch.error());
  channel_watch_ = std::move(*watch);
  channel_events_.non_blocking(true);  // which Asio would do later, when the process no longer may
}

Worker::Loop::~Loop() {
  // The descriptor is the channel's.
  channel_events_.release();
}

bool Worker::Loop::run() {
  await_channel();
  await_sweep();
  while (!stopped_) {
    poller_.wait(next_timeout(), [this] {
      if (context_ != nullptr) context_->clock.tick();
    });
    if (context_ != nullptr) serve();
    if (channel_watcher_.ready || context_ == nullptr || context_->clock.now() >= next_sweep_) {
      channel_watcher_.ready = false;
      io_.poll();
    }
    if (channel_lost_ && !loss_followed_) follow_channel_loss();
    if (context_ != nullptr) {
      flows_->reap();
      check_drained();
    }
  }
  return sound_;
}

void Worker::Loop::serve() {
  if (gates_->has_waiting()) gates_->accept_waiting();
  if (flows_->unsettled()) {
    if (!channel_lost_) read_channel();
    flows_->settle();
  }
  if (!context_->runnable.empty()) flows_->run();
  if (context_->ring_wanted) wake_ring();
  if (context_->sync_wanted) wake_sync();
}

int Worker::Loop::next_timeout() const {
  if (context_ == nullptr) return static_cast<int>(sweep_interval / nanoseconds_per_millisecond);
  if (channel_watcher_.ready || !context_->runnable.empty() || gates_->has_waiting()) return 0;
  if (context_->ring_wanted || context_->sync_wanted) return ring_wait;
  const Nanoseconds now = context_->clock.now();
  return now >= next_sweep_ ? 0 : static_cast<int>((next_sweep_ - now) / nanoseconds_per_millisecond) + 1;
}

void Worker::Loop::wake_ring() {
  const Nanoseconds now = context_->clock.now();
  if (now < next_ring_wake_) return;
  next_ring_wake_ = now + ring_wait * nanoseconds_per_millisecond;
  const bool told = context_->recorder.write_gap();
  // While there is too little for anybody, nobody is woken in vain.
  if (!context_->recorder.has_room(context_->recorder.piece_size())) return;
  context_->ring_wanted = !told;
  flows_->wake(Wait::ring);
}

void Worker::Loop::wake_sync() {
  const std::uint64_t position = context_->recorder.synced_position();
  if (position == synced_) return;
  synced_ = position;
  context_->sync_wanted = false;
  flows_->wake(Wait::sync);
}

void Worker::Loop::await_sweep() {
  sweep_timer_.expires_after(std::chrono::nanoseconds(sweep_interval));
  sweep_timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    if (context_ != nullptr) sweep();
    await_sweep();
  });
}

void Worker::Loop::sweep() {
  const Nanoseconds now = context_->clock.now();
  next_sweep_ = now + sweep_interval;
  flows_->sweep();
  flows_->wake(Wait::sockets);
  context_->probes.wake();
  context_->probes.sweep(now);
  if (!channel_lost_ && !channel_.flush()) channel_lost();
  gates_->accept_failed_again();
  if (now < next_housekeeping_) return;
  next_housekeeping_ = now + housekeeping_interval;
  context_->clock.correct();
  context_->pool.sweep(now, context_->workloads);
}

Worker::Worker(Fd channel, FlowSource& flows) : loop_(std::make_unique<Loop>(std::move(channel), flows)) {}
Worker::~Worker() = default;

bool Worker::run() {
  return loop_->run();
}

}  // namespace callgate::proxy
