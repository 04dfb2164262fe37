// Makes a proved connection to a target: socket, connect, TLS handshake.
#pragma once

#include <cstdint>
#include <memory>

#include "proxy/failure.hpp"
#include "proxy/upstream_pool.hpp"

namespace callgate::proxy {

class ThreadContext;

// A machine for one connection at a time. Belongs to a call; steps whenever the call does.
class Connector {
 public:
  enum class Progress : std::uint8_t { ready, waiting_for_socket, waiting, failed };

  // Starts; `user` gets the stream's events.
  void start(ThreadContext& context, const Workload& workload, std::shared_ptr<UpstreamBucket> bucket,
             StreamUser& user);
  [[nodiscard]] Progress step();
  // What step() ended with: ready.
  [[nodiscard]] std::unique_ptr<UpstreamConnection> take();
  // failed.
  [[nodiscard]] const Failure& failure() const { return failure_; }
  // Gives up with a timeout.
  void expire();
  // When the present wait has to be over.
  [[nodiscard]] Nanoseconds deadline() const { return deadline_; }
  // A connection whose handshake failed may still have shown a certificate. Null if there is none.
  [[nodiscard]] const UpstreamConnection* failed_connection() const { return connection_.get(); }
  [[nodiscard]] Nanoseconds connected_at() const { return connected_at_; }
  [[nodiscard]] Nanoseconds handshaken_at() const { return handshaken_at_; }
  void cancel();

 private:
  enum class Phase : std::uint8_t { idle, socket, connecting, handshaking, ready, failed };

  Progress fail(int status, std::string code, std::string detail);
  Progress connect(Fd socket);
  Progress finish_connect();
  Progress handshake();

  ThreadContext* context_ = nullptr;
  std::shared_ptr<UpstreamBucket> bucket_;
  StreamUser* user_ = nullptr;
  std::uint64_t netns_cookie_ = 0;
  std::uint64_t failures_before_ = 0;  // of the stock
  std::unique_ptr<UpstreamConnection> connection_;
  Failure failure_;
  Nanoseconds deadline_ = 0;
  Nanoseconds connected_at_ = 0;
  Nanoseconds handshaken_at_ = 0;
  Phase phase_ = Phase::idle;
};

}  // namespace callgate::proxy
