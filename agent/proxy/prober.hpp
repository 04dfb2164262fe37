// Makes a target prove itself on a connection of the agent's own, for callers whose TLS is theirs. The proof
// is kept with the target's bucket for a while, and renewed beside a call that relies on an old one.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "proxy/connector.hpp"
#include "proxy/upstream_pool.hpp"

namespace callgate::proxy {

// Of one call; steps whenever the call does.
class Prober {
 public:
  enum class Progress : std::uint8_t { proved, waiting_for_socket, waiting, failed };

  // `user` gets the events of the probe's connection.
  void start(ThreadContext& context, const Workload& workload, std::shared_ptr<UpstreamBucket> bucket,
             StreamUser& user);
  [[nodiscard]] Progress step();
  // proved. Null where nothing was started.
  [[nodiscard]] const UpstreamBucket::Proof* proof() const { return proof_.get(); }
  // failed.
  [[nodiscard]] const Failure& failure() const { return connector_.failure(); }
  // What the target showed instead of a proof, if anything.
  [[nodiscard]] const UpstreamConnection* failed_connection() const { return connector_.failed_connection(); }

  // A proof that is renewed: goes on with that; true if it waits for a socket.
  [[nodiscard]] bool renew();
  // When the probe, or the renewal, has to be over; 0: none is under way.
  [[nodiscard]] Nanoseconds deadline() const { return busy_ ? connector_.deadline() : 0; }
  // The deadline has passed: failed, or an old proof that is dropped.
  void expire();
  void cancel();

 private:
  void keep(const UpstreamConnection& connection);
  void drop();

  ThreadContext* context_ = nullptr;
  std::shared_ptr<UpstreamBucket> bucket_;
  std::shared_ptr<const UpstreamBucket::Proof> proof_;
  Connector connector_;
  bool busy_ = false;
};

}  // namespace callgate::proxy
