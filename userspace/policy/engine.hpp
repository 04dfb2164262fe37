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

// What is called, at whom. `host` without brackets; its case and a trailing dot do not matter; `port` is the
// flow's.
struct Call {
  std::string_view host;
  std::uint16_t port = 0;
  std::string_view protocol;  // "http", "tcp", "tls"
  std::string_view method;    // "POST"; for tcp and tls "connect"
  std::string_view path;      // for http what normalize_path (policy/path.hpp) gives, else empty
};

enum class Verdict : std::uint8_t { allow, deny };

struct Decision {
  Verdict verdict = Verdict::deny;
  // false: the verdict is recorded, and the call goes on as if callgate were not there.
  bool enforced = true;
  // Names for people, owned by the engine: "payments" / "shop/payments", "read", "no deletes before eight".
  std::string_view policy;
  std::string_view rule;    // empty where no rule matched
  std::string_view reason;  // the rule's own text, or a stable code: "allowed_by_rule", "denied_by_rule",
                            // "no_rule_matches", "no_target_matches", "no_policy", "process_unknown",
                            // "conflicting_upstreams"
  const Upstream* upstream = nullptr;         // set where allowed; owned by the engine
  const RecordRequirement* record = nullptr;  // never null; owned by the engine
};

// The policies that are in force for one caller: made once per flow, used for each of its calls. It belongs
// to the engine that made it and must not outlive it; a flow that moves to another engine selects anew, and
// so does one whose process has become known.
class Selection {
 public:
  // enforce: decisions are enforced.
  [[nodiscard]] Mode mode() const { return mode_; }
  // What is stored of bytes that no decision was asked about: the least that any of the policies asks for.
  // Never null; owned by the engine.
  [[nodiscard]] const RecordRequirement* record() const { return record_; }

 private:
  friend class CompiledEngine;
  struct Entry {
    std::uint32_t policy = 0;
    bool certain = false;  // false: selects the caller only if its unknown process turns out to match
  };

  static inline const RecordRequirement no_requirement{};

  std::vector<Entry> entries_;  // all of the one mode
  Mode mode_ = Mode::enforce;
  const RecordRequirement* record_ = &no_requirement;
  bool process_unknown_ = false;  // nothing selects for certain, and the caller's unknown process is why
};

// Immutable: any number of threads may use one engine at the same time.
class Engine {
 public:
  virtual ~Engine() = default;

  // Builds the engine for `documents`, which parse_policies made. `default_mode` is what happens to workloads
  // that no policy selects. `resolved` tells the addresses of hosts_to_resolve(); a plaintext target that is
  // not in it has no address, so no flow to it passes. Throws std::invalid_argument for a document that
  // parse_policies would not give.
  [[nodiscard]] static std::unique_ptr<const Engine> compile(std::vector<CallPolicy> documents,
                                                             Mode default_mode,
                                                             const std::vector<ResolvedHost>& resolved = {});

  // Allocates nothing, but for a path with parameters (`;`) or empty segments and for upstream requirements
  // that only several policies together make up.
  [[nodiscard]] virtual Decision decide(const Caller& caller, const Call& call) const = 0;

  // decide(select(caller), call) is decide(caller, call), with the work that depends on the caller done once.
  [[nodiscard]] virtual Selection select(const Caller& caller) const = 0;
  [[nodiscard]] virtual Decision decide(const Selection& selection, const Call& call) const = 0;

  // The names that resolved to this IP address (its port is ignored): what a connection that says no name may
  // be for.
  [[nodiscard]] virtual std::vector<std::string_view> names_of(const Address& address) const = 0;
  // True if one of the policies says `protocol: opaque` of the target.
  [[nodiscard]] virtual bool is_opaque(const Selection& selection, std::string_view host,
                                       std::uint16_t port) const = 0;

  // The mode of a caller's flows, before any call of them is known: enforce if an enforcing policy selects
  // the caller. A caller whose process is unknown is under every enforcing policy that its workload could be
  // under.
  [[nodiscard]] virtual Mode mode(const Caller& caller) const = 0;
  // The mode of a workload as the kernel programs need it: enforce if any of its processes could be under
  // enforcement.
  [[nodiscard]] virtual Mode workload_mode(std::string_view workload, std::string_view identity) const = 0;
  // True where a decision can depend on Caller::process: the agent then waits for it to be known.
  [[nodiscard]] virtual bool needs_process(std::string_view workload, std::string_view identity) const = 0;
};

}  // namespace callgate::policy
