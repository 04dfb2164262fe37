#include "node/supervisor.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "callgate/v1/node.pb.h"

namespace callgate::node {
namespace {

constexpr std::uint64_t socket_burst = 4096;
constexpr std::uint64_t sockets_per_second = 20'000;
constexpr std::uint64_t query_burst = 8192;
constexpr std::uint64_t queries_per_second = 20'000;

std::uint64_t nanoseconds(std::chrono::milliseconds time) {
  return static_cast<std::uint64_t>(std::chrono::nanoseconds(time).count());
}

}  // namespace

Supervisor::Supervisor(Loop& loop, Helper& helper, SupervisorSettings settings, const v1::ProxyLimits& limits,
                       Hooks hooks)
    : loop_(loop),
      helper_(helper),
      settings_(std::move(settings)),
      limits_(std::make_unique<v1::ProxyLimits>(limits)),
      hooks_(std::move(hooks)),
      query_bucket_(query_burst, queries_per_second) {}

Supervisor::~Supervisor() = default;

Result<void> Supervisor::start() {
  CALLGATE_TRY(launch());
  ticker_ = loop_.every(settings_.ping_interval, [this] { tick(); });
  return {};
}

Result<void> Supervisor::launch() {
  const auto generation = hooks_.draw_generation();
  if (!generation) return generation.error();
  auto rings = hooks_.open_rings(*generation);
  if (!rings) return rings.error();
  auto limits = hooks_.open_limits();
  if (!limits) {
    hooks_.rings_closed(*generation);
    return limits.error();
  }
  ProxyLaunch launch{settings_.binary, settings_.uid,     settings_.gid,     settings_.cgroup,
                     *generation,      std::move(*rings), std::move(*limits)};
  auto proxy = ProxyProcess::launch(loop_, std::move(launch), *limits_, *this);
  if (!proxy) {
    hooks_.rings_closed(*generation);
    return proxy.error();
  }
  proxy_ = std::move(*proxy);
  log_info("proxy_started",
           {{"pid", std::to_string(proxy_->pid())}, {"generation", std::to_string(*generation)}});
  // Gates come last: what they accept needs the others.
  if (policy_.memory) send_snapshot(true);
  if (identities_.memory) send_snapshot(false);
  if (namespaces_ != nullptr) {
    for (const auto& [cookie, place] : namespaces_->all()) {
      for (const OpenGate& gate : place.gates) {
        if (gate.listener) send_gate(gate);  // one that was killed comes when it has been made again
      }
    }
  }
  return {};
}

void Supervisor::restart_after(std::chrono::milliseconds delay) {
  retry_ = loop_.after(delay, [this] {
    const auto launched = launch();
    if (launched) return;
    log_error("proxy_not_started", {{"error", launched.error().message}});
    delay_ = std::clamp(delay_ * 2, std::chrono::milliseconds(100), settings_.longest_delay);
    restart_after(delay_);
  });
}

void Supervisor::on_ended(const std::string& why) {
  const std::uint32_t generation = proxy_->generation();
  const bool short_lived = monotonic_ns() - proxy_->started_ns() < nanoseconds(settings_.short_life);
  proxy_.reset();
  last_answer_ns_.store(0, std::memory_order_relaxed);
  hooks_.rings_closed(generation);
  if (draining_) {
    log_info("proxy_drained", {{"generation", std::to_string(generation)}, {"status", why}});
    return;
  }
  ++restarts_;
  delay_ = short_lived ? std::min(delay_ * 2 + std::chrono::milliseconds(delay_.count() == 0 ? 50 : 0),
                                  settings_.longest_delay)
                       : std::chrono::milliseconds(0);
  log_error("proxy_ended", {{"generation", std::to_string(generation)},
                            {"reason", why},
                            {"restart_in_ms", std::to_string(delay_.count())}});
  restart_after(delay_);
}

void Supervisor::drain(std::chrono::milliseconds deadline, bool keep_idle) {
  draining_ = true;
  retry_ = {};
  if (!proxy_) return;
  v1::ToProxy message;
  message.mutable_drain()->set_deadline(static_cast<std::uint32_t>(deadline.count()));
  message.mutable_drain()->set_keep_idle(keep_idle);
  proxy_->send_all(message);
  loop_.run_until([this] { return proxy_ == nullptr; }, deadline + std::chrono::milliseconds(500));
  if (proxy_) {
    proxy_->end("it did not drain in time");
    loop_.run_until([this] { return proxy_ == nullptr; }, std::chrono::milliseconds(2000));
  }
  ticker_ = {};
}

void Supervisor::tick() {
  if (!proxy_) return;
  const std::uint64_t now = monotonic_ns();
  if (!proxy_->ready()) {
    if (now - proxy_->started_ns() > nanoseconds(settings_.ready_patience))
      proxy_->end("it did not become ready in time");
    return;
  }
  std::uint64_t slowest = now;
  for (const ThreadState& state : proxy_->threads())
    slowest = std::min(slowest, state.last_pong_ns);
  last_answer_ns_.store(slowest, std::memory_order_relaxed);
  if (!draining_ && now - slowest > nanoseconds(settings_.pong_patience)) {
    proxy_->end("a thread does not answer");
    return;
  }
  v1::ToProxy message;
  message.mutable_ping()->set_number(++last_ping_);
  if (!draining_) proxy_->send_all(message);
}

void Supervisor::gate_opened(const OpenGate& gate) {
  if (proxy_) send_gate(gate);
}

void Supervisor::send_gate(const OpenGate& gate) {
  v1::ToProxy message;
  message.mutable_add_gate()->set_gate(gate.id);
  const int listener = gate.listener.get();
  proxy_->send(gate.thread, message, std::span<const int>(&listener, 1));
}

void Supervisor::gate_closed(const OpenGate& gate) {
  if (!proxy_) return;
  v1::ToProxy message;
  message.mutable_remove_gate()->set_gate(gate.id);
  proxy_->send(gate.thread, message);
}

void Supervisor::set_policy(std::uint64_t version, Fd snapshot) {
  policy_ = {version, std::move(snapshot)};
  if (proxy_) send_snapshot(true);
}

void Supervisor::set_identities(std::uint64_t version, Fd snapshot) {
  identities_ = {version, std::move(snapshot)};
  if (proxy_) send_snapshot(false);
}

void Supervisor::send_snapshot(bool policy) {
  v1::ToProxy message;
  const Snapshot& snapshot = policy ? policy_ : identities_;
  (policy ? message.mutable_policy() : message.mutable_identities())->set_version(snapshot.version);
  const int memory = snapshot.memory.get();
  proxy_->send_all(message, std::span<const int>(&memory, 1));
}

void Supervisor::end_proxy(std::uint32_t generation, const std::string& why) {
  if (proxy_ && proxy_->generation() == generation) proxy_->end(why);
}

void Supervisor::on_need_sockets(std::uint32_t thread, const SocketsRequest& request) {
  const std::uint32_t generation = proxy_->generation();
  const auto refuse = [&](std::string code, std::string message) {
    answer_sockets(generation, thread, request, make_error(std::move(code), std::move(message)));
  };
  const Namespace* const place = namespaces_ == nullptr ? nullptr : namespaces_->find(request.netns_cookie);
  if (place == nullptr) return refuse("unknown_netns", "no workload uses this network namespace");
  if (request.count == 0 || request.count > helper_most_sockets)
    return refuse("too_many", "1 to 64 sockets at a time");
  auto& bucket =
      socket_buckets_.try_emplace(request.netns_cookie, socket_burst, sockets_per_second).first->second;
  if (!bucket.take(request.count, monotonic_ns()))
    return refuse("rate_limited", "too many sockets for this namespace");
  helper_.make_sockets(place->handle.get(), request.v6, request.count,
                       [this, generation, thread, request](Result<std::vector<Fd>> sockets) {
                         answer_sockets(generation, thread, request, std::move(sockets));
                       });
}

void Supervisor::answer_sockets(std::uint32_t generation, std::uint32_t thread, const SocketsRequest& request,
                                Result<std::vector<Fd>> sockets) {
  // The answer to a proxy that has died meanwhile is nobody's.
  if (!proxy_ || proxy_->generation() != generation) return;
  v1::ToProxy message;
  auto& answer = *message.mutable_upstream_sockets();
  answer.set_netns_cookie(request.netns_cookie);
  answer.set_v6(request.v6);
  std::vector<int> descriptors;
  if (sockets) {
    for (const Fd& socket : *sockets)
      descriptors.push_back(socket.get());
  } else {
    answer.set_error(sockets.error().code + ": " + sockets.error().message);
    log_debug("sockets_refused",
              {{"netns", std::to_string(request.netns_cookie)}, {"error", sockets.error().message}});
  }
  answer.set_count(static_cast<std::uint32_t>(descriptors.size()));
  proxy_->send(thread, message, descriptors);
}

void Supervisor::on_resolve_process(std::uint32_t thread, const ProcessQuery& query) {
  v1::ToProxy message;
  message.mutable_process_path()->set_request(query.request);
  if (query_bucket_.take(1, monotonic_ns())) {
    const auto path = hooks_.process_path(query);
    if (path) message.mutable_process_path()->set_path(*path);
  }
  proxy_->send(thread, message);
}

}  // namespace callgate::node
