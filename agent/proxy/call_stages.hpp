// What happens to a call between its head and its way to the target: one small type a stage, each with one
// method. A protocol's machine drives them in order and knows nothing of what is in them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kernel/flow.hpp"
#include "policy/engine.hpp"
#include "protocol/http1/reader.hpp"
#include "proxy/failure.hpp"

namespace callgate::proxy {

class Session;

// One HTTP call, as records and policies name it. Its strings are reused from call to call.
struct NamedCall {
  std::string host;      // lower case, without brackets
  std::string path;      // normalized; empty where it could not be
  std::string function;  // "http:POST api.pay.internal/v1/refunds"
};

// Says what is called: the function for records, and host and path for policies.
class NameStage {
 public:
  // A failure where the head does not name one target and one path; `call` then holds what could be told.
  [[nodiscard]] static std::optional<Failure> run(const http1::RequestHead& head, const kernel::Flow& flow,
                                                  NamedCall& call);
};

// Refuses what this proxy cannot carry through: tunnels.
class CarriageStage {
 public:
  [[nodiscard]] static std::optional<Failure> run(std::string_view method);
};

// Asks the policies that the session is under about an HTTP call.
class DecisionStage {
 public:
  [[nodiscard]] static policy::Decision run(const Session& session, const NamedCall& call,
                                            const http1::RequestHead& head, const policy::Body& body);
  // Once more, where only the bytes of the head are left of it.
  [[nodiscard]] static policy::Decision run(const Session& session, const NamedCall& call,
                                            std::string_view raw_head, const http1::Limits& limits,
                                            const policy::Body& body);
};

// Asks them about a connection that is one call: `protocol` is "tcp" or "tls".
class ConnectionStage {
 public:
  [[nodiscard]] static policy::Decision run(const Session& session, std::string_view protocol,
                                            std::string_view host);
};

// Holds a plaintext call to the addresses that its target's name stands for.
class AddressStage {
 public:
  [[nodiscard]] static std::optional<Failure> run(const policy::Upstream& upstream, const kernel::Flow& flow);
};

}  // namespace callgate::proxy
