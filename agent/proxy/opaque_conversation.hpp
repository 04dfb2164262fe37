// A flow of opaque bytes under enforcement: one call of `tcp:connect`, decided before a byte of either side
// passes, over verified TLS unless the target's policy asks for less.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "proxy/connector.hpp"
#include "proxy/flow_call.hpp"
#include "proxy/opaque_target.hpp"
#include "proxy/session.hpp"
#include "proxy/tunnel.hpp"

namespace callgate::proxy {

class OpaqueConversation final : public Conversation {
 public:
  // `caller_ended`: the caller has ended its half, and that was read.
  OpaqueConversation(Session& session, bool caller_ended);

  void step() override;
  void expire() override;
  // Opaque bytes have no end but the connection's: they have as long as draining takes.
  void drain() override {}
  // A connection that the policies do not allow any more is closed.
  void policy_changed() override;
  void abandon(std::string_view code, std::string_view detail) override;

 private:
  enum class Phase : std::uint8_t {
    opening,     // waits for space to record the call
    syncing,     // waits for that record to be on disk
    connecting,  // has no connection to the target yet
    proved,      // has one that is not recorded yet
    relaying,
  };

  void open();
  void sync();
  void connect();
  void record_upstream();
  void relay();
  void end(const Tunnel::Ending& ending);
  void refuse(const Failure& failure);
  [[nodiscard]] std::string denial(const OpaqueTarget& target) const;

  Session& session_;
  ThreadContext& context_;
  FlowCall call_;
  std::shared_ptr<const PolicyInForce> policy_;  // shared: the decision's texts live in it
  OpaqueTarget target_;
  Connector connector_;
  std::unique_ptr<UpstreamConnection> upstream_;
  std::optional<Tunnel> tunnel_;
  Phase phase_ = Phase::opening;
  const bool caller_ended_;
};

}  // namespace callgate::proxy
