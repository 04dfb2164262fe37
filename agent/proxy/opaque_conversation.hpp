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

  // While nobody knows yet whether the flow is opaque: makes the call and its connection, on which nothing is
  // sent, and listens whether the target speaks first. Ends no flow: what goes wrong ends in given_up, or,
  // where it is as if nothing had been made, in withdrawn.
  enum class Ahead : std::uint8_t { waiting, target_spoke, given_up, withdrawn };
  [[nodiscard]] Ahead step_ahead();
  // The flow is opaque, and this its conversation from now on, which ends it where it was given up.
  void take_over(bool caller_ended);
  // It is not: the connection has carried nothing, and its call ends.
  void give_way();

 private:
  enum class Phase : std::uint8_t {
    opening,     // waits for space to record the call
    syncing,     // waits for that record to be on disk
    connecting,  // has no connection to the target yet
    proved,      // has one that is not recorded yet
    listening,   // has one, and carries nothing yet
    relaying,
  };

  void open();
  void sync();
  void connect();
  void record_upstream();
  void begin_relay();
  void relay();
  void listen();
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
  Input from_target_;  // what it said first
  Phase phase_ = Phase::opening;
  bool caller_ended_;
  bool ahead_ = false;      // not the flow's conversation yet
  bool withdrawn_ = false;  // as if it had never been
  std::optional<Tunnel::Ending> given_up_;
};

}  // namespace callgate::proxy
