// A flow whose caller speaks TLS itself, under enforcement: one call of `tls:connect`, decided by the name in
// its ClientHello. Its bytes pass end to end.
//
// Before any of them does, the target has proved itself on a connection of the agent's own (a probe), or did
// so a short while ago. A target that tells one connection from the other can answer them differently: a
// record says `probed`, never `verified`.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/tls/client_hello.hpp"
#include "protocol/tls/server_hello.hpp"
#include "proxy/connector.hpp"
#include "proxy/flow_call.hpp"
#include "proxy/input.hpp"
#include "proxy/probes.hpp"
#include "proxy/session.hpp"
#include "proxy/tunnel.hpp"

namespace callgate::proxy {

class TlsConversation final : public Conversation {
 public:
  // The session's input holds the beginning of a ClientHello, which came at `since`.
  TlsConversation(Session& session, Nanoseconds since);

  void step() override;
  void expire() override;
  // The connection is the caller's to end: it has as long as draining takes.
  void drain() override {}
  // A connection that the policies do not allow any more is closed.
  void policy_changed() override;
  void abandon(std::string_view code, std::string_view detail) override;

 private:
  enum class Phase : std::uint8_t {
    hello,       // the ClientHello is not complete
    opening,     // waits for space to record the call
    offered,     // the same, for what the client offers
    syncing,     // waits for the record so far to be on disk
    probing,     // asks the target for its proof
    connecting,  // has no connection to the target yet
    proved,      // has one that is not recorded yet
    answering,   // the ClientHello is under way, or the ServerHello
    retrying,    // the target has asked for a second ClientHello, which is not complete
    chosen,      // waits for space to record the version that the target chose
    relaying,
  };

  void read_hello();
  void decide();
  void open();
  void record_offer();
  void sync();
  void prove();
  void probe();
  void start_connecting();
  void connect();
  void record_upstream();
  void send_hello();
  void answer();
  void pass_retry(const tls::ServerHello& request);
  void retry();
  void record_version();
  void relay();

  [[nodiscard]] policy::Decision ask() const;
  [[nodiscard]] std::string denial(const policy::Decision& decision) const;
  [[nodiscard]] UpstreamFacts upstream_facts() const;
  [[nodiscard]] std::uint16_t lowest_version() const;
  // The ClientHello that is awaited, once it is complete; the call has ended if it never will be.
  [[nodiscard]] std::optional<tls::ClientHello> receive_hello();
  // Ends the call; the caller, who still waits for a ServerHello, gets the alert.
  void refuse(const Failure& failure, tls::Alert alert, record::Outcome outcome = record::Outcome::refused);
  void caller_reset();
  void target_closed();
  void end(const Tunnel::Ending& ending);

  Session& session_;
  ThreadContext& context_;
  FlowCall call_;
  std::shared_ptr<const PolicyInForce> policy_;  // shared: the decision's texts live in it
  policy::Decision decision_;
  tls::ClientHelloReader client_hello_;
  tls::ServerHelloReader server_hello_;
  tls::ClientHello hello_;
  std::string host_;
  Prober prober_;
  Connector connector_;
  std::unique_ptr<UpstreamConnection> upstream_;
  std::optional<Tunnel> tunnel_;
  Input answer_;
  Nanoseconds since_;  // of the wait for the hello that is next
  std::uint16_t version_ = 0;
  Phase phase_ = Phase::hello;
};

}  // namespace callgate::proxy
