// The decision: a pure function of an immutable, compiled set of policies and the facts of a call.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.hpp"
#include "base/result.hpp"
#include "policy/document.hpp"

namespace callgate::policy {

// Who calls. Views live as long as the call.
struct Caller {
  std::string_view workload;  // name of the workload
  std::string_view identity;  // SPIFFE ID
  // Path of the calling process's executable; empty where unknown, which no `process` matches.
  std::string_view process;
};

// What is called, at whom. `host` is lower case, an IPv6 literal without brackets; `port` is the flow's.
struct Call {
  std::string_view host;
  std::uint16_t port = 0;
  std::string_view protocol;  // "http", "tcp", "tls"
  std::string_view method;    // "POST"; for tcp and tls "connect"
  std::string_view path;      // percent-decoded and normalized path for http, else empty
};

enum class Verdict : std::uint8_t { allow, deny };

enum class TlsRequirement : std::uint8_t {
  verified,    // chain and name verified
  mutual,      // the same, and the target must ask for the client certificate
  unverified,  // TLS without verification: every call is marked
  plaintext,   // no TLS: every call is marked
};

enum class Trust : std::uint8_t { system, bundle };

// How an allowed call reaches its target.
struct Upstream {
  TlsRequirement tls = TlsRequirement::verified;
  Trust trust = Trust::system;
  bool allow_tls12 = false;
  std::uint16_t port = 0;  // 0: the flow's own
  std::string identity;    // SPIFFE ID that the certificate must prove; empty: the host's name instead
  // plaintext only: the addresses that the target's name stood for when callgated last asked; the flow's must be one.
  std::vector<Address> resolved;

  bool operator==(const Upstream&) const = default;
};

struct RecordRequirement {
  bool payloads = true;               // false: digests and sizes only
  std::uint64_t payload_limit = ~0ULL;  // bytes a direction, the lower of this and the agent's own limit

  bool operator==(const RecordRequirement&) const = default;
};

struct Decision {
  Verdict verdict = Verdict::deny;
  // observe: the verdict is recorded, and the call goes on as if callgate were not there.
  bool enforced = true;
  // Names for people, owned by the engine: "payments" / "shop/payments", "read", "no deletes before eight".
  std::string_view policy;
  std::string_view rule;    // empty where no rule matched
  std::string_view reason;  // stable code ("denied_by_rule", "no_rule_matches", "no_target_matches", "no_policy",
                            // "process_unknown") or the rule's own text
  const Upstream* upstream = nullptr;  // set where allowed; owned by the engine
  const RecordRequirement* record = nullptr;  // never null; owned by the engine
};

enum class Mode : std::uint8_t { observe, enforce };

class Engine {
 public:
  virtual ~Engine() = default;

  // Builds the engine for `documents`. `default_mode` is what happens to workloads that no policy selects.
  [[nodiscard]] static std::unique_ptr<const Engine> compile(std::vector<CallPolicy> documents, Mode default_mode);

  [[nodiscard]] virtual Decision decide(const Caller& caller, const Call& call) const = 0;
  // The mode of a caller's flows, before any call of them is known: enforce if an enforcing policy selects the caller.
  // A caller whose process is unknown is under every enforcing policy that its workload could be under.
  [[nodiscard]] virtual Mode mode(const Caller& caller) const = 0;
  // The mode of a workload as the kernel programs need it: enforce if any of its processes could be under enforcement.
  [[nodiscard]] virtual Mode workload_mode(std::string_view workload, std::string_view identity) const = 0;
  // True where a decision can depend on Caller::process: the agent then waits for it to be known.
  [[nodiscard]] virtual bool needs_process(std::string_view workload, std::string_view identity) const = 0;
};

}  // namespace callgate::policy
