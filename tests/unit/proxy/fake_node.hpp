// callgated's end of one channel, with a worker at the other end in a thread of its own.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.hpp"
#include "callgate/v1/node.pb.h"
#include "proxy/flow_source.hpp"
#include "record/ring.hpp"

namespace callgate::test {

struct NodeOptions {
  v1::ProxyLimits limits = generous_limits();
  std::size_t ring_size = 4U << 20U;
  bool give_sockets = true;
  bool answer_processes = true;
  std::string process = "/usr/bin/curl";

  // Long times and large sizes: what a test is about it sets itself.
  static v1::ProxyLimits generous_limits();
};

// The flow of every connection is the same, as the test sets it.
class FakeFlows final : public proxy::FlowSource {
 public:
  [[nodiscard]] Result<kernel::Flow> read(int fd) override;
  void set(const kernel::Flow& flow);
  void set_none();

 private:
  std::mutex mutex_;
  kernel::Flow flow_;
  bool none_ = false;
};

class FakeNode {
 public:
  explicit FakeNode(const NodeOptions& options);
  ~FakeNode();

  FakeFlows flows;

  void add_gate(std::uint64_t id, int listener);
  void remove_gate(std::uint64_t id);
  // These return once the worker says that the snapshot is in force.
  // `address` is what every name is resolved to.
  void set_policy(const std::string& yaml, bool enforce_by_default = true,
                  const std::string& address = "127.0.0.1");
  void set_identities(const v1::Identities& identities);
  void drain(std::uint32_t milliseconds, bool keep_idle = false);
  // Ends the channel, as callgated's death would.
  void die();
  // The worker has ended; returns what run() returned.
  bool join();
  [[nodiscard]] v1::ProxyCounters counters();
  // Until the worker has said that it is drained.
  void wait_drained();
  // Answers what give_sockets held back, once there is something.
  void give_sockets();
  // The ring's file, for readers.
  [[nodiscard]] const std::string& ring_path() const { return ring_path_; }

  // Raw packets, for tests of the channel itself.
  void send(const v1::ToProxy& message, const std::vector<int>& descriptors = {});

 private:
  void serve();
  void handle(const v1::ToNode& message);
  void answer_sockets(const v1::NeedSockets& need);
  void wait(const std::function<bool()>& done);

  NodeOptions options_;
  std::string ring_path_;
  Fd ring_;
  Fd limits_;
  Fd channel_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<v1::NeedSockets> held_;
  v1::SnapshotInForce in_force_;
  v1::ProxyCounters counters_;
  std::uint64_t pongs_ = 0;
  std::uint64_t version_ = 0;
  bool ready_ = false;
  bool drained_ = false;
  bool worker_result_ = false;
  std::thread worker_;
  std::thread server_;
};

}  // namespace callgate::test
