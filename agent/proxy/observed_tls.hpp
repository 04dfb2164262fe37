// What enforcement would have made of an observed flow whose caller speaks TLS itself, beyond its name: of
// the versions that are offered and chosen, and of the proof that the target would have had to give.
//
// The flow goes on meanwhile. The proof is asked for by a probe beside it, which flows to one target share.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "protocol/tls/client_hello.hpp"
#include "protocol/tls/server_hello.hpp"
#include "proxy/call_record.hpp"
#include "proxy/probes.hpp"
#include "proxy/session.hpp"

namespace callgate::proxy {

class ObservedTls {
 public:
  // `record` outlives this; it is open once start() is called.
  ObservedTls(Session& session, CallRecord& record);

  // What is known of the flow by its hello: the decision for its record.
  [[nodiscard]] policy::Decision judge(const tls::ClientHello& hello, std::string_view host);
  // Asks for the proof, where policies want one.
  void start();
  // Bytes of the target, up to its hello.
  void target_sent(std::string_view bytes);
  // Looks at the probe.
  void step();
  // It has not come to its end. The session is stepped when it does.
  [[nodiscard]] bool asking() const { return asking_; }

 private:
  void would_refuse(std::string_view code);
  void record_upstream();

  Session& session_;
  CallRecord& record_;
  std::shared_ptr<const PolicyInForce> policy_;  // shared: the decision's texts live in it
  policy::Decision decision_;
  tls::ClientHello hello_;
  std::string host_;
  std::string reason_;
  tls::ServerHelloReader server_hello_;
  std::string answer_;  // of the target, as far as its hello is not complete
  std::string version_;
  Prober prober_;
  bool asking_ = false;
  bool reading_ = false;  // the target's hello is awaited
};

}  // namespace callgate::proxy
