// Keeps one callgate-proxy running, and gives it what it needs: gates, snapshots, sockets, the paths of
// processes.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "node/loop.hpp"
#include "node/namespaces.hpp"
#include "node/proxy_process.hpp"
#include "node/token_bucket.hpp"

namespace callgate::node {

struct SupervisorSettings {
  std::string binary;
  std::string cgroup;
  uid_t uid = 0;
  gid_t gid = 0;
  std::chrono::milliseconds ping_interval{250};
  std::chrono::milliseconds ready_patience{15000};  // from its start to its last thread's Ready
  std::chrono::milliseconds pong_patience{5000};
  // A proxy that lives shorter than this counts as crashed at start, and the next one waits before it starts.
  std::chrono::milliseconds short_life{5000};
  std::chrono::milliseconds longest_delay{5000};
};

class Supervisor final : public ProxyEvents {
 public:
  // What the supervisor asks of the rest of the agent.
  struct Hooks {
    std::function<Result<std::uint32_t>()> draw_generation;
    // Rings of a new generation, one for each thread, known to the recorder.
    std::function<Result<std::vector<Fd>>(std::uint32_t generation)> open_rings;
    // The counters of limits, the same for every generation.
    std::function<Result<Fd>()> open_limits;
    // The writer of these rings is gone.
    std::function<void(std::uint32_t generation)> rings_closed;
    // The executable of a process, if it can be said for sure.
    std::function<std::optional<std::string>(const ProcessQuery& query)> process_path;
  };

  Supervisor(Loop& loop, Helper& helper, SupervisorSettings settings, const v1::ProxyLimits& limits,
             Hooks hooks);
  ~Supervisor() override;
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  // Where sockets may be made: only in namespaces that are known there. Set before start().
  void use_namespaces(const Namespaces& namespaces) { namespaces_ = &namespaces; }

  [[nodiscard]] Result<void> start();
  // Has the proxy drain, and runs the loop until it has ended or the deadline is over; then kills it. With
  // `keep_idle`, idle connections may begin a last call until then.
  void drain(std::chrono::milliseconds deadline, bool keep_idle = false);

  void gate_opened(const OpenGate& gate);
  void gate_closed(const OpenGate& gate);
  void set_policy(std::uint64_t version, Fd snapshot);
  void set_identities(std::uint64_t version, Fd snapshot);

  // Ends the proxy, for a reason that lies outside of its channels (such as a corrupt ring).
  void end_proxy(std::uint32_t generation, const std::string& why);

  [[nodiscard]] const ProxyProcess* proxy() const { return proxy_.get(); }
  [[nodiscard]] std::uint64_t restarts() const { return restarts_; }
  // When the slowest thread last answered (monotonic; 0: not yet). Any thread may ask.
  [[nodiscard]] std::uint64_t last_answer_ns() const {
    return last_answer_ns_.load(std::memory_order_relaxed);
  }

  void on_need_sockets(std::uint32_t thread, const SocketsRequest& request) override;
  void on_resolve_process(std::uint32_t thread, const ProcessQuery& query) override;
  void on_ended(const std::string& why) override;

 private:
  [[nodiscard]] Result<void> launch();
  void restart_after(std::chrono::milliseconds delay);
  void tick();
  void send_gate(const OpenGate& gate);
  void send_snapshot(bool policy);
  void answer_sockets(std::uint32_t generation, std::uint32_t thread, const SocketsRequest& request,
                      Result<std::vector<Fd>> sockets);

  struct Snapshot {
    std::uint64_t version = 0;
    Fd memory;
  };

  Loop& loop_;
  Helper& helper_;
  SupervisorSettings settings_;
  std::unique_ptr<v1::ProxyLimits> limits_;
  Hooks hooks_;
  const Namespaces* namespaces_ = nullptr;
  std::unique_ptr<ProxyProcess> proxy_;
  Snapshot policy_;
  Snapshot identities_;
  std::map<std::uint64_t, TokenBucket> socket_buckets_;  // by network namespace
  TokenBucket query_bucket_;
  std::uint64_t restarts_ = 0;
  std::uint64_t last_ping_ = 0;
  bool draining_ = false;
  std::chrono::milliseconds delay_{0};
  std::atomic<std::uint64_t> last_answer_ns_{0};
  Loop::Timer ticker_;
  Loop::Timer retry_;
};

}  // namespace callgate::node
