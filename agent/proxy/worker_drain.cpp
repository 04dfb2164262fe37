#include "base/log.hpp"
#include "proxy/worker_loop.hpp"

namespace callgate::proxy {

void Worker::Loop::follow_channel_loss() {
  channel_watch_ = Poller::Watch();
  loss_followed_ = true;
  if (context_ == nullptr) {
    stopped_ = true;
    return;
  }
  if (draining_) return;
  log_warning("draining", {{"reason", "callgated is gone"}});
  drain(context_->settings.drain_timeout, false);
}

void Worker::Loop::drain(Nanoseconds time, bool keep_idle) {
  if (!draining_) {
    // Whoever is in a backlog was told that it is connected: it is served too.
    gates_->close();
    if (gates_->is_open()) flows_->settle();
  }
  draining_ = true;
  context_->draining = true;
  context_->keep_idle = keep_idle;
  drain_deadline_ = context_->clock.now() + time;
  flows_->drain();
}

void Worker::Loop::check_drained() {
  if (!draining_ || stopped_) return;
  if (flows_->size() != 0 && context_->clock.now() >= drain_deadline_) {
    flows_->abandon("agent_ended", "the agent ended before the call did");
    flows_->reap();
    // What is left waits for space in a ring that nobody may be reading.
    stopped_ =
        context_->clock.now() >= drain_deadline_ + context_->settings.record_timeout || flows_->size() == 0;
  } else {
    stopped_ = flows_->size() == 0;
  }
  if (!stopped_) return;
  // Nobody else will tell of it; without space, the counters have to do.
  (void)context_->recorder.write_gap();
  context_->pool.clear();
  v1::ToNode message;
  message.mutable_drained();
  send(message);
}

}  // namespace callgate::proxy
