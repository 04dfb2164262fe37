// One running callgate-proxy: its process, and a channel to each of its threads.
//
// Everything that arrives is hostile input: a message that breaks the rules ends the process.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "node/child.hpp"
#include "node/loop.hpp"
#include "node/packet.hpp"

namespace callgate::v1 {
class ProxyLimits;
class ToNode;
class ToProxy;
}  // namespace callgate::v1

namespace callgate::node {

// As the proxy tells them; nothing depends on them.
struct ThreadCounters {
  std::uint64_t flows = 0;
  std::uint64_t flows_without_origin = 0;
  std::uint64_t calls_allowed = 0;
  std::uint64_t calls_denied = 0;
  std::uint64_t calls_refused = 0;
  std::uint64_t calls_failed = 0;
  std::uint64_t open_connections = 0;
  std::uint64_t pooled_connections = 0;
  std::uint64_t calls_unrecorded = 0;
};

struct ThreadState {
  bool ready = false;
  bool drained = false;
  std::uint64_t last_pong_ns = 0;  // monotonic; of Ready before the first Pong
  std::uint64_t policy_version = 0;
  std::uint64_t identities_version = 0;
  ThreadCounters counters;
};

struct SocketsRequest {
  std::uint64_t netns_cookie = 0;
  bool v6 = false;
  std::uint32_t count = 0;
};

struct ProcessQuery {
  std::uint64_t request = 0;
  std::uint32_t tgid = 0;
  std::uint64_t start_ns = 0;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
};

// What a proxy asks for and what becomes of it. Called on the loop's thread.
class ProxyEvents {
 public:
  virtual ~ProxyEvents() = default;
  virtual void on_need_sockets(std::uint32_t thread, const SocketsRequest& request) = 0;
  virtual void on_resolve_process(std::uint32_t thread, const ProcessQuery& query) = 0;
  // The last call for a process, which has ended or was ended: `why` for people. It may destroy the
  // ProxyProcess.
  virtual void on_ended(const std::string& why) = 0;
};

struct ProxyLaunch {
  std::string binary;
  uid_t uid = 0;  // of the confined process; never root
  gid_t gid = 0;
  std::string cgroup;
  std::uint32_t generation = 0;
  std::vector<Fd> rings;  // one for each thread
  Fd limits;              // the counters of limits (limit/limit_table.hpp)
};

class ProxyProcess {
 public:
  // Starts it and sends Start to each thread.
  [[nodiscard]] static Result<std::unique_ptr<ProxyProcess>> launch(Loop& loop, ProxyLaunch launch,
                                                                    const v1::ProxyLimits& limits,
                                                                    ProxyEvents& events);
  ~ProxyProcess();
  ProxyProcess(const ProxyProcess&) = delete;
  ProxyProcess& operator=(const ProxyProcess&) = delete;

  // A proxy that does not take a message is ended (on_ended comes later, from the loop).
  void send(std::uint32_t thread, const v1::ToProxy& message, std::span<const int> descriptors = {});
  void send_all(const v1::ToProxy& message, std::span<const int> descriptors = {});
  // Kills it; on_ended comes later, from the loop.
  void end(std::string why);
  // Lets it live on without callgated: it drains by itself.
  void abandon();

  [[nodiscard]] pid_t pid() const { return child_.pid(); }
  [[nodiscard]] std::uint32_t generation() const { return generation_; }
  [[nodiscard]] std::uint64_t started_ns() const { return started_ns_; }
  [[nodiscard]] const std::vector<ThreadState>& threads() const { return threads_; }
  [[nodiscard]] bool ready() const;

 private:
  ProxyProcess(Loop& loop, ProxyEvents& events);
  void on_readable(std::uint32_t thread);
  void on_exit();
  [[nodiscard]] Result<void> handle(std::uint32_t thread, const Packet& packet);
  [[nodiscard]] Result<void> handle(std::uint32_t thread, const v1::ToNode& message);

  Loop& loop_;
  ProxyEvents& events_;
  std::uint32_t generation_ = 0;
  std::uint64_t started_ns_ = 0;
  std::string why_;
  Child child_;
  std::vector<Fd> channels_;
  std::vector<ThreadState> threads_;
  std::vector<Loop::Watch> watches_;
  Loop::Watch exit_watch_;
};

}  // namespace callgate::node
