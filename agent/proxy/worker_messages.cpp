#include "base/file.hpp"
#include "base/log.hpp"
#include "policy/snapshot.hpp"
#include "proxy/worker_loop.hpp"

namespace callgate::proxy {
namespace {

constexpr std::size_t largest_identities = 64U << 20U;

}  // namespace

void Worker::Loop::await_channel() {
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

bool Worker::Loop::read_channel() {
  for (;;) {
    auto incoming = channel_.receive();
    if (!incoming) {
      if (incoming.error().code != "channel_closed") {
        log_error("channel_failed", {{"code", incoming.error().code}, {"detail", incoming.error().message}});
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

void Worker::Loop::handle(Channel::Incoming& incoming) {
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
      start(message.start(), std::move(incoming.descriptors[0]), incoming.descriptors[1]);
      break;
    case v1::ToProxy::kAddGate:
      if (!draining_) gates_->add(message.add_gate().gate(), std::move(incoming.descriptors[0]));
      break;
    case v1::ToProxy::kRemoveGate:
      gates_->remove(message.remove_gate().gate());
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

// Neither file stays open: the mappings are all that is needed, and nobody in here can cut what callgated
// reads.
void Worker::Loop::start(const v1::Start& message, const Fd& ring_file, const Fd& limits_file) {
  auto settings = make_settings(message.limits());
  auto ring =
      settings ? record::RingWriter::map(ring_file.get()) : Result<record::RingWriter>(settings.error());
  auto limits = limit::LimitTable::map(limits_file.get());
  if (!ring || !limits) {
    const Error& error = ring ? limits.error() : ring.error();
    log_error("start_failed", {{"code", error.code}, {"detail", error.message}});
    sound_ = false;
    stopped_ = true;
    return;
  }
  context_ = std::make_unique<ThreadContext>(
      *settings, poller_, std::move(*ring), std::move(*limits),
      IdSource(message.generation(), message.thread()),
      [this](std::uint64_t cookie, bool v6, std::uint32_t count) { ask_sockets(cookie, v6, count); },
      [this](std::uint64_t request, const ProcessDirectory::Process& process) {
        ask_process(request, process);
      });
  flows_ = std::make_unique<FlowTable>(*context_, source_);
  gates_ = std::make_unique<Gates>(*context_, *flows_);
  next_sweep_ = context_->clock.now() + sweep_interval;
  v1::ToNode ready;
  ready.mutable_ready();
  send(ready);
}

void Worker::Loop::replace_policy(std::uint64_t version, int memory) {
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

void Worker::Loop::replace_identities(std::uint64_t version, int memory) {
  const auto content = read_sealed_memory(memory, largest_identities);
  const auto replaced = content ? context_->workloads.replace(*content) : Result<void>(content.error());
  if (replaced) {
    identities_ = version;
    context_->stock.forget_unused(
        [this](std::uint64_t cookie) { return context_->workloads.uses_namespace(cookie); });
    context_->pool.sweep(context_->clock.now(), context_->workloads);
    flows_->policy_changed();  // which policies select a flow depends on its identity
  } else {
    log_error("identities_rejected", {{"code", replaced.error().code}, {"detail", replaced.error().message}});
  }
  snapshot_in_force();
}

void Worker::Loop::snapshot_in_force() {
  v1::ToNode message;
  message.mutable_in_force()->set_policy(context_->policy != nullptr ? context_->policy->version : 0);
  message.mutable_in_force()->set_identities(identities_);
  send(message);
  if (context_->policy != nullptr && identities_ != 0) gates_->open();
  gates_->accept_all();
}

void Worker::Loop::send(const v1::ToNode& message) {
  if (channel_lost_) return;
  if (!channel_.send(message)) channel_lost();
}

void Worker::Loop::ask_sockets(std::uint64_t cookie, bool v6, std::uint32_t count) {
  v1::ToNode message;
  message.mutable_need_sockets()->set_netns_cookie(cookie);
  message.mutable_need_sockets()->set_v6(v6);
  message.mutable_need_sockets()->set_count(count);
  send(message);
}

void Worker::Loop::ask_process(std::uint64_t request, const ProcessDirectory::Process& process) {
  v1::ToNode message;
  v1::ResolveProcess& resolve = *message.mutable_resolve_process();
  resolve.set_request(request);
  resolve.set_tgid(process.tgid);
  resolve.set_start(process.start);
  resolve.set_device(process.device);
  resolve.set_inode(process.inode);
  send(message);
}

void Worker::Loop::pong(std::uint64_t number) {
  v1::ToNode message;
  message.mutable_pong()->set_number(number);
  v1::ProxyCounters& counters = *message.mutable_pong()->mutable_counters();
  counters.set_flows(context_->counters.flows);
  counters.set_flows_without_origin(context_->counters.flows_without_origin);
  counters.set_calls_allowed(context_->counters.calls_allowed);
  counters.set_calls_denied(context_->counters.calls_denied);
  counters.set_calls_refused(context_->counters.calls_refused);
  counters.set_calls_failed(context_->counters.calls_failed);
  counters.set_calls_unrecorded(context_->counters.calls_unrecorded);
  counters.set_open_connections(flows_->size());
  counters.set_pooled_connections(context_->pool.size());
  send(message);
}

}  // namespace callgate::proxy
