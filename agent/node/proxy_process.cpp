#include "node/proxy_process.hpp"

#include <algorithm>
#include <array>
#include <csignal>

#include <fmt/format.h>

#include "base/clock.hpp"
#include "callgate/v1/node.pb.h"

namespace callgate::node {
namespace {

constexpr std::size_t first_descriptor = 3;  // as Launch numbers them
// Messages taken of one thread before others get their turn.
constexpr int batch = 64;

Error violation(std::string_view what) {
  return make_error("proxy_violation", fmt::format("the proxy broke the rules of its channel: {}", what));
}

ThreadCounters to_counters(const v1::ProxyCounters& counters) {
  return {counters.flows(),
          counters.flows_without_origin(),
          counters.calls_allowed(),
          counters.calls_denied(),
          counters.calls_refused(),
          counters.calls_failed(),
          counters.open_connections(),
          counters.pooled_connections(),
          counters.calls_unrecorded()};
}

}  // namespace

ProxyProcess::ProxyProcess(Loop& loop, ProxyEvents& events) : loop_(loop), events_(events) {}

ProxyProcess::~ProxyProcess() = default;

Result<std::unique_ptr<ProxyProcess>> ProxyProcess::launch(Loop& loop, ProxyLaunch launch,
                                                           const v1::ProxyLimits& limits,
                                                           ProxyEvents& events) {
  std::unique_ptr<ProxyProcess> proxy(new ProxyProcess(loop, events));
  proxy->generation_ = launch.generation;
  proxy->started_ns_ = monotonic_ns();
  proxy->threads_.resize(launch.rings.size());
  std::vector<Fd> far_ends;
  Launch command;
  for (std::size_t i = 0; i < launch.rings.size(); ++i) {
    auto pair = make_packet_pair();
    if (!pair) return pair.error();
    proxy->channels_.push_back(std::move(pair->first));
    far_ends.push_back(std::move(pair->second));
    command.descriptors.push_back(far_ends.back().get());
  }
  command.program = launch.binary;
  for (std::size_t i = 0; i < launch.rings.size(); ++i) {
    command.arguments.insert(command.arguments.end(), {"--channel", std::to_string(first_descriptor + i)});
  }
  command.arguments.insert(command.arguments.end(),
                           {"--uid", std::to_string(launch.uid), "--gid", std::to_string(launch.gid)});
  command.cgroup = launch.cgroup;
  auto child = Child::start(command);
  if (!child) return child.error();
  proxy->child_ = std::move(*child);
  ProxyProcess* const raw = proxy.get();
  proxy->exit_watch_ = loop.when_readable(proxy->child_.pidfd(), [raw] { raw->on_exit(); });
  for (std::uint32_t thread = 0; thread < proxy->threads_.size(); ++thread) {
    proxy->watches_.push_back(
        loop.when_readable(proxy->channels_[thread].get(), [raw, thread] { raw->on_readable(thread); }));
    v1::ToProxy message;
    message.mutable_start()->set_generation(launch.generation);
    message.mutable_start()->set_thread(thread);
    *message.mutable_start()->mutable_limits() = limits;
    const std::array<int, 2> files{launch.rings[thread].get(), launch.limits.get()};
    proxy->send(thread, message, files);
  }
  return proxy;
}

void ProxyProcess::send(std::uint32_t thread, const v1::ToProxy& message, std::span<const int> descriptors) {
  if (!why_.empty()) return;
  const auto sent = send_packet(channels_.at(thread).get(), message.SerializeAsString(), descriptors);
  if (!sent) end(fmt::format("thread {} takes no messages: {}", thread, sent.error().message));
}

void ProxyProcess::send_all(const v1::ToProxy& message, std::span<const int> descriptors) {
  for (std::uint32_t thread = 0; thread < threads_.size(); ++thread)
    send(thread, message, descriptors);
}

void ProxyProcess::end(std::string why) {
  if (!why_.empty()) return;
  why_ = std::move(why);
  child_.kill(SIGKILL);
}

void ProxyProcess::abandon() {
  watches_.clear();
  exit_watch_ = {};
  channels_.clear();
  child_.release();
}

bool ProxyProcess::ready() const {
  return std::all_of(threads_.begin(), threads_.end(), [](const ThreadState& state) { return state.ready; });
}

void ProxyProcess::on_exit() {
  watches_.clear();
  exit_watch_ = {};
  const std::string how = child_.wait();
  events_.on_ended(why_.empty() ? how : fmt::format("{} ({})", why_, how));
}

void ProxyProcess::on_readable(std::uint32_t thread) {
  for (int i = 0; i < batch; ++i) {
    const auto packet = receive_packet(channels_.at(thread).get());
    if (!packet) {
      if (packet.error().code == "would_block") return;
      // A closed channel without an exit comes of a proxy that is half gone; one that has ended reports
      // itself.
      watches_.at(thread) = {};
      if (packet.error().code != "closed")
        end(packet.error().message);
      else if (!threads_.at(thread).drained)
        end(fmt::format("thread {} closed its channel", thread));
      return;
    }
    if (!why_.empty()) return;
    const auto handled = handle(thread, *packet);
    if (!handled) {
      end(handled.error().message);
      return;
    }
  }
}

Result<void> ProxyProcess::handle(std::uint32_t thread, const Packet& packet) {
  if (!packet.descriptors.empty()) return violation("it sent a descriptor");
  v1::ToNode message;
  if (!message.ParseFromString(packet.bytes)) return violation("it sent bytes that are no message");
  return handle(thread, message);
}

Result<void> ProxyProcess::handle(std::uint32_t thread, const v1::ToNode& message) {
  ThreadState& state = threads_.at(thread);
  switch (message.message_case()) {
    case v1::ToNode::kReady:
      if (state.ready) return violation("it was ready twice");
      state.ready = true;
      state.last_pong_ns = monotonic_ns();
      return {};
    case v1::ToNode::kPong:
      state.last_pong_ns = monotonic_ns();
      state.counters = to_counters(message.pong().counters());
      return {};
    case v1::ToNode::kInForce:
      state.policy_version = message.in_force().policy();
      state.identities_version = message.in_force().identities();
      return {};
    case v1::ToNode::kDrained:
      state.drained = true;
      return {};
    case v1::ToNode::kNeedSockets: {
      const auto& need = message.need_sockets();
      events_.on_need_sockets(thread, {need.netns_cookie(), need.v6(), need.count()});
      return {};
    }
    case v1::ToNode::kResolveProcess: {
      const auto& query = message.resolve_process();
      events_.on_resolve_process(
          thread, {query.request(), query.tgid(), query.start(), query.device(), query.inode()});
      return {};
    }
    case v1::ToNode::MESSAGE_NOT_SET:
      break;
  }
  return violation("it sent an unknown message");
}

}  // namespace callgate::node
