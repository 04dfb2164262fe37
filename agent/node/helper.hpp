// callgated's end of the socket helper: starts it, asks it, replaces it when it dies.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/address.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"
#include "node/child.hpp"
#include "node/helper_protocol.hpp"
#include "node/loop.hpp"
#include "node/packet.hpp"

namespace callgate::node {

struct NamespaceFacts {
  std::uint64_t cookie = 0;
  bool loopback_up = false;
  std::optional<Address> source_v4;  // from where it would connect to somewhere far
  std::optional<Address> source_v6;
};

struct MadeGate {
  Fd listener;
  std::uint16_t port = 0;
};

using SocketsCallback = std::function<void(Result<std::vector<Fd>>)>;

// Belongs to the loop's thread.
class Helper {
 public:
  // `program` is the path of callgated; `cgroup` the leaf that the helper, and with it every socket it makes,
  // belongs to.
  Helper(Loop& loop, std::string program, std::string cgroup);
  ~Helper();
  Helper(const Helper&) = delete;
  Helper& operator=(const Helper&) = delete;

  [[nodiscard]] Result<void> start();
  void stop();

  // These wait for the answer, which takes well under a millisecond; after `patience` the helper is killed
  // and replaced, and the error is unavailable. `network_namespace` is an open /proc/PID/ns/net.
  [[nodiscard]] Result<NamespaceFacts> facts(int network_namespace);
  [[nodiscard]] Result<MadeGate> make_gate(int network_namespace, bool v6, std::uint16_t first_port,
                                           std::uint16_t last_port);

  // A sock_diag socket of the namespace: see kernel/existing_connections.hpp.
  [[nodiscard]] Result<Fd> make_diagnosis(int network_namespace);

  // Calls back from the loop, always exactly once unless the helper object is destroyed.
  void make_sockets(int network_namespace, bool v6, std::uint32_t count, SocketsCallback callback);

  [[nodiscard]] pid_t pid() const { return child_.pid(); }
  [[nodiscard]] std::uint64_t restarts() const { return restarts_; }

  static constexpr std::chrono::milliseconds patience{500};

 private:
  struct Answer {
    HelperReply reply;
    std::vector<Fd> descriptors;
  };
  using AnswerCallback = std::function<void(Result<Answer>)>;

  [[nodiscard]] Result<std::uint64_t> send(HelperRequest request, int network_namespace);
  [[nodiscard]] Result<Answer> ask(HelperRequest request, int network_namespace);
  // Takes what has arrived; false once the helper is gone.
  bool receive();
  void on_end(const std::string& why);
  void restart();

  Loop& loop_;
  std::string program_;
  std::string cgroup_;
  Child child_;
  Fd channel_;
  Loop::Watch watch_;
  Loop::Timer retry_;
  std::uint64_t next_number_ = 1;
  std::uint64_t restarts_ = 0;
  std::map<std::uint64_t, AnswerCallback> pending_;
};

}  // namespace callgate::node
