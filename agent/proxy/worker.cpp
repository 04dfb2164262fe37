#include "proxy/worker.hpp"

#include <algorithm>
#include <cerrno>
#include <list>
#include <stdexcept>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/file.hpp"
#include "base/log.hpp"
#include "policy/snapshot.hpp"
#include "proxy/channel.hpp"
#include "proxy/flow_table.hpp"
#include "proxy/thread_context.hpp"

namespace callgate::proxy {
namespace {

constexpr std::size_t largest_identities = 64U << 20U;
// Connections that one turn may accept from a gate.
constexpr int accepts_per_turn = 64;
// Turns in which a gate's backlog is accepted before it goes: more than the longest backlog takes.
constexpr int last_turns = 80;
// How soon somebody who waits for space in the ring looks again, in milliseconds.
constexpr int ring_wait = 1;
constexpr Nanoseconds warning_interval = 10'000 * nanoseconds_per_millisecond;
constexpr Nanoseconds housekeeping_interval = 1000 * nanoseconds_per_millisecond;

Fd make_epoll() {
  Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) throw ErrorException(system_error("make an epoll", errno));
  return epoll;
}

}  // namespace

class Worker::Loop {
 public:
  Loop(Fd channel, FlowSource& source)
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
  ~Loop() {
    // The descriptor is the channel's.
    channel_events_.release();
  }

  bool run() {
    await_channel();
    await_sweep();
    while (!stopped_) {
      poller_.wait(next_timeout(), [this] { tick(); });
      if (context_ != nullptr) {
        if (!gates_waiting_.empty()) accept_waiting();
        if (flows_->unsettled()) {
          if (!channel_lost_) read_channel();
          flows_->settle();
        }
        if (!context_->runnable.empty()) flows_->run();
        if (context_->ring_wanted) wake_ring();
      }
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

 private:
  // Brings Asio's turn forward.
  struct ChannelWatcher final : Watcher {
    void on_ready(std::uint32_t) override { ready = true; }
    bool ready = true;
  };
  struct Gate final : Watcher {
    Gate(Loop& owner, std::uint64_t gate_id, Fd listener)
        : loop(owner), id(gate_id), socket(std::move(listener)) {}
    void on_ready(std::uint32_t) override { loop.accept(*this); }
    Loop& loop;
    std::uint64_t id;
    Fd socket;
    Poller::Watch watch;
  };

  void tick() {
    if (context_ != nullptr) context_->clock.tick();
  }

  int next_timeout() const {
    if (context_ == nullptr) return static_cast<int>(sweep_interval / nanoseconds_per_millisecond);
    if (channel_watcher_.ready || !context_->runnable.empty() || !gates_waiting_.empty()) return 0;
    if (context_->ring_wanted) return ring_wait;
    const Nanoseconds now = context_->clock.now();
    return now >= next_sweep_ ? 0 : static_cast<int>((next_sweep_ - now) / nanoseconds_per_millisecond) + 1;
  }

  void wake_ring() {
    const Nanoseconds now = context_->clock.now();
    if (now < next_ring_wake_) return;
    next_ring_wake_ = now + ring_wait * nanoseconds_per_millisecond;
    // While there is too little for anybody, nobody is woken in vain.
    if (!context_->recorder.has_room(context_->recorder.piece_size())) return;
    context_->ring_wanted = false;
    flows_->wake(Wait::ring);
  }

  // Channel

  void await_channel() {
    channel_events_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                               [this](const boost::system::error_code& error) {
                                 if (error) {
                                   log_error("channel_failed", {{"detail", error.message()}});
                                   sound_ = false;
                                   channel_lost();
                                 } else if (read_channel()) {
                                   await_channel();
                                 }
                               });
  }

  // False: there is nothing more to expect from the channel.
  bool read_channel() {
    for (;;) {
      auto incoming = channel_.receive();
      if (!incoming) {
        if (incoming.error().code != "channel_closed") {
          log_error("channel_failed",
                    {{"code", incoming.error().code}, {"detail", incoming.error().message}});
          sound_ = false;
        }
        channel_lost();
        return false;
      }
      if (!incoming->has_value()) return true;
      handle(**incoming);
      if (stopped_ || channel_lost_) return false;
    }
  }

  void handle(Channel::Incoming& incoming) {
    const v1::ToProxy& message = incoming.message;
    if (message.has_start() == (context_ != nullptr)) {
      log_error("channel_failed",
                {{"detail", "Start has to be the first message, and the only one of its kind"}});
      sound_ = false;
      channel_lost();
      return;
    }
    switch (message.message_case()) {
      case v1::ToProxy::kStart:
        start(message.start(), std::move(incoming.descriptors[0]));
        break;
      case v1::ToProxy::kAddGate:
        add_gate(message.add_gate().gate(), std::move(incoming.descriptors[0]));
        break;
      case v1::ToProxy::kRemoveGate:
        remove_gate(message.remove_gate().gate());
        break;
      case v1::ToProxy::kPolicy:
        replace_policy(message.policy().version(), incoming.descriptors[0].get());
        break;
      case v1::ToProxy::kIdentities:
        replace_identities(message.identities().version(), incoming.descriptors[0].get());
        break;
      case v1::ToProxy::kUpstreamSockets:
        context_->stock.add(message.upstream_sockets().netns_cookie(), message.upstream_sockets().v6(),
                            std::move(incoming.descriptors), message.upstream_sockets().error());
        flows_->wake(Wait::sockets);
        context_->probes.wake();
        break;
      case v1::ToProxy::kProcessPath:
        context_->processes.add(message.process_path().request(), message.process_path().path());
        flows_->wake(Wait::process);
        break;
      case v1::ToProxy::kPing:
        pong(message.ping().number());
        break;
      case v1::ToProxy::kDrain:
        drain(message.drain().deadline() * nanoseconds_per_millisecond, message.drain().keep_idle());
        break;
      case v1::ToProxy::MESSAGE_NOT_SET:
        break;
    }
  }

  void send(const v1::ToNode& message) {
    if (channel_lost_) return;
    if (!channel_.send(message)) channel_lost();
  }

  void start(const v1::Start& message, Fd ring_file) {
    auto settings = make_settings(message.limits());
    auto ring =
        settings ? record::RingWriter::map(ring_file.get()) : Result<record::RingWriter>(settings.error());
    if (!ring) {
      log_error("start_failed", {{"code", ring.error().code}, {"detail", ring.error().message}});
      sound_ = false;
      stopped_ = true;
      return;
    }
    ring_file_ = std::move(ring_file);
    context_ = std::make_unique<ThreadContext>(
        *settings, poller_, std::move(*ring), IdSource(message.generation(), message.thread()),
        [this](std::uint64_t cookie, bool v6, std::uint32_t count) { ask_sockets(cookie, v6, count); },
        [this](std::uint64_t request, const ProcessDirectory::Process& process) {
          ask_process(request, process);
        });
    flows_ = std::make_unique<FlowTable>(*context_, source_);
    next_sweep_ = context_->clock.now() + sweep_interval;
    v1::ToNode ready;
    ready.mutable_ready();
    send(ready);
  }

  void ask_sockets(std::uint64_t cookie, bool v6, std::uint32_t count) {
    v1::ToNode message;
    message.mutable_need_sockets()->set_netns_cookie(cookie);
    message.mutable_need_sockets()->set_v6(v6);
    message.mutable_need_sockets()->set_count(count);
    send(message);
  }

  void ask_process(std::uint64_t request, const ProcessDirectory::Process& process) {
    v1::ToNode message;
    v1::ResolveProcess& resolve = *message.mutable_resolve_process();
    resolve.set_request(request);
    resolve.set_tgid(process.tgid);
    resolve.set_start(process.start);
    resolve.set_device(process.device);
    resolve.set_inode(process.inode);
    send(message);
  }

  void pong(std::uint64_t number) {
    v1::ToNode message;
    message.mutable_pong()->set_number(number);
    v1::ProxyCounters& counters = *message.mutable_pong()->mutable_counters();
    counters.set_flows(context_->counters.flows);
    counters.set_flows_without_origin(context_->counters.flows_without_origin);
    counters.set_calls_allowed(context_->counters.calls_allowed);
    counters.set_calls_denied(context_->counters.calls_denied);
    counters.set_calls_refused(context_->counters.calls_refused);
    counters.set_calls_failed(context_->counters.calls_failed);
    counters.set_open_connections(flows_->size());
    counters.set_pooled_connections(context_->pool.size());
    send(message);
  }

  // Snapshots

  void replace_policy(std::uint64_t version, int memory) {
    const auto content = read_sealed_memory(memory, policy::largest_snapshot);
    auto engine = content ? policy::load_snapshot(*content)
                          : Result<std::unique_ptr<const policy::Engine>>(content.error());
    if (engine) {
      auto next = std::make_shared<PolicyInForce>();
      next->version = version;
      next->engine = std::move(*engine);
      context_->policy = std::move(next);
      flows_->policy_changed();
    } else {
      log_error("policy_rejected", {{"code", engine.error().code}, {"detail", engine.error().message}});
    }
    snapshot_in_force();
  }

  void replace_identities(std::uint64_t version, int memory) {
    const auto content = read_sealed_memory(memory, largest_identities);
    const auto replaced = content ? context_->workloads.replace(*content) : Result<void>(content.error());
    if (replaced) {
      identities_ = version;
      context_->stock.forget_unused(
          [this](std::uint64_t cookie) { return context_->workloads.uses_namespace(cookie); });
      context_->pool.sweep(context_->clock.now(), context_->workloads);
      flows_->policy_changed();  // which policies select a flow depends on its identity
    } else {
      log_error("identities_rejected",
                {{"code", replaced.error().code}, {"detail", replaced.error().message}});
    }
    snapshot_in_force();
  }

  void snapshot_in_force() {
    v1::ToNode message;
    message.mutable_in_force()->set_policy(context_->policy != nullptr ? context_->policy->version : 0);
    message.mutable_in_force()->set_identities(identities_);
    send(message);
    accept_all();
  }

  // Gates

  // Without policies and identities connections are left in the backlog.
  bool ready_to_accept() const { return context_->policy != nullptr && identities_ != 0; }

  void add_gate(std::uint64_t id, Fd socket) {
    if (draining_) return;
    remove_gate(id);
    // A listener that waits would make the thread wait.
    const int flags = ::fcntl(socket.get(), F_GETFL);
    if (flags < 0 || ::fcntl(socket.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
      log_error("gate_failed",
                {{"gate", std::to_string(id)}, {"detail", system_error("fcntl", errno).message}});
      return;
    }
    Gate& gate = gates_.emplace_back(*this, id, std::move(socket));
    auto watch = poller_.add(gate.socket.get(), gate);
    if (!watch) {
      log_error("gate_failed", {{"gate", std::to_string(id)}, {"detail", watch.error().message}});
      gates_.pop_back();
      return;
    }
    gate.watch = std::move(*watch);
  }

  void remove_gate(std::uint64_t id) {
    for (auto gate = gates_.begin(); gate != gates_.end(); ++gate) {
      if (gate->id != id) continue;
      std::erase(gates_waiting_, &*gate);
      gates_.erase(gate);
      return;
    }
  }

  void accept_all() {
    for (Gate& gate : gates_)
      accept(gate);
  }

  void accept(Gate& gate) {
    std::erase(gates_waiting_, &gate);
    if (!ready_to_accept()) return;
    for (int i = 0; i < accepts_per_turn; ++i) {
      Fd socket(::accept4(gate.socket.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (socket) {
        flows_->add(std::move(socket));
        continue;
      }
      if (errno == EAGAIN || errno == EWOULDBLOCK) return;
      if (errno == EINTR || errno == ECONNABORTED) continue;
      // Out of descriptors or memory: what waits is tried again at the next sweep.
      accept_failed_ = true;
      if (context_->clock.now() < next_accept_warning_) return;
      next_accept_warning_ = context_->clock.now() + warning_interval;
      log_warning("accept_failed", {{"detail", system_error("accept", errno).message}});
      return;
    }
    gates_waiting_.push_back(&gate);
  }

  void accept_waiting() {
    const std::vector<Gate*> turn = gates_waiting_;
    for (Gate* gate : turn)
      accept(*gate);
  }

  // The end

  // Only noted: it may show in the middle of a flow's step.
  void channel_lost() { channel_lost_ = true; }

  void follow_channel_loss() {
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

  void drain(Nanoseconds time, bool keep_idle) {
    // Whoever is in a backlog was told that it is connected: it is served too.
    if (!draining_ && ready_to_accept()) {
      accept_all();
      // New ones may come as fast as they are accepted: only so many turns are theirs.
      for (int turn = 1; turn < last_turns && !gates_waiting_.empty(); ++turn)
        accept_waiting();
      flows_->settle();
    }
    draining_ = true;
    gates_waiting_.clear();
    gates_.clear();
    context_->draining = true;
    context_->keep_idle = keep_idle;
    drain_deadline_ = context_->clock.now() + time;
    flows_->drain();
  }

  void check_drained() {
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
    context_->pool.clear();
    v1::ToNode message;
    message.mutable_drained();
    send(message);
  }

  // Time

  void await_sweep() {
    sweep_timer_.expires_after(std::chrono::nanoseconds(sweep_interval));
    sweep_timer_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      if (context_ != nullptr) sweep();
      await_sweep();
    });
  }

  void sweep() {
    const Nanoseconds now = context_->clock.now();
    next_sweep_ = now + sweep_interval;
    flows_->sweep();
    flows_->wake(Wait::sockets);
    context_->probes.wake();
    context_->probes.sweep(now);
    if (!channel_lost_ && !channel_.flush()) channel_lost();
    if (std::exchange(accept_failed_, false)) accept_all();
    if (now < next_housekeeping_) return;
    next_housekeeping_ = now + housekeeping_interval;
    context_->clock.correct();
    context_->pool.sweep(now, context_->workloads);
  }

  FlowSource& source_;
  Poller poller_;
  Channel channel_;
  boost::asio::io_context io_;
  boost::asio::posix::stream_descriptor channel_events_;
  boost::asio::steady_timer sweep_timer_;
  ChannelWatcher channel_watcher_;
  Poller::Watch channel_watch_;
  Fd ring_file_;  // its lock tells callgated that the writer lives
  std::unique_ptr<ThreadContext> context_;
  std::unique_ptr<FlowTable> flows_;
  std::list<Gate> gates_;
  std::vector<Gate*> gates_waiting_;  // had more connections than one turn accepts
  std::uint64_t identities_ = 0;
  Nanoseconds next_sweep_ = 0;
  Nanoseconds next_housekeeping_ = 0;
  Nanoseconds next_ring_wake_ = 0;
  Nanoseconds next_accept_warning_ = 0;
  Nanoseconds drain_deadline_ = 0;
  bool draining_ = false;
  bool channel_lost_ = false;
  bool loss_followed_ = false;
  bool accept_failed_ = false;
  bool stopped_ = false;
  bool sound_ = true;
};

Worker::Worker(Fd channel, FlowSource& flows) : loop_(std::make_unique<Loop>(std::move(channel), flows)) {}
Worker::~Worker() = default;

bool Worker::run() {
  return loop_->run();
}

}  // namespace callgate::proxy
