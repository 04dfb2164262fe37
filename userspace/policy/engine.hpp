// The decision: a pure function of an immutable, compiled set of policies and the facts of a call.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/container/small_vector.hpp>

#include "base/address.hpp"
#include "base/result.hpp"
#include "policy/document.hpp"

namespace callgate::policy {

struct Explanation;

// On whose behalf a workload calls, as a verified token says.
struct Subject {
  std::string_view issuer;
  std::string_view name;
  std::vector<std::string> groups;
  std::vector<std::pair<std::string, std::string>> claims;
};

// Who calls. Views live as long as the call.
struct Caller {
  std::string_view workload;  // name of the workload
  std::string_view identity;  // SPIFFE ID
  // Path of the calling process's executable; empty where unknown, which no `process` matches.
  std::string_view process;
  const Subject* subject = nullptr;  // null where unknown, which no `subject` matches
};

struct HeaderField {
  std::string_view name;  // in any case
  std::string_view value;
};

// What is known of the content of a call.
struct Body {
  enum class State : std::uint8_t {
    none,       // the protocol or the call has none
    pending,    // it could be waited for
    complete,   // all of it is in `bytes`
    too_large,  // for a decision
  };
  State state = State::none;
  std::string_view bytes;  // content, without transfer coding
};

// What is called, at whom. `host` without brackets; its case and a trailing dot do not matter; `port` is the
// flow's. What only conditions ask for may be left out where no condition is.
struct Call {
  std::string_view host;
  std::uint16_t port = 0;
  std::string_view protocol;         // "http", "tcp", "tls"
  std::string_view method;           // "POST"; for tcp and tls "connect"
  std::string_view path;             // for http what normalize_path (policy/path.hpp) gives, else empty
  const Address* address = nullptr;  // that was dialled; null is in no `cidr`
  std::string_view query = {};       // without "?", as sent
  std::span<const HeaderField> headers = {};
  std::optional<std::uint64_t> size = {};  // of the body in bytes, where the head says it
  Body body = {};
  std::uint64_t time_ns = 0;  // of the decision, since 1970; 0: the clock is read where it is asked for
  // Of a record, which holds no headers, query, body, size or subject, and perhaps no process: where a
  // condition needs one of them, the decision is Decision::needs_body.
  bool from_record = false;
};

enum class Verdict : std::uint8_t { allow, deny };

// A limit of a rule that allowed the call.
struct LimitInForce {
  std::string_view policy;
  std::string_view rule;
  const Limit* limit = nullptr;
  std::uint32_t number = 0;  // of the limit within its rule
};

// What observed policies would have denied, had they been enforced beside the others. Empty: nothing.
struct Trial {
  std::string_view policy;
  std::string_view rule;
  std::string_view reason;
  bool needs_body = false;  // as Decision::needs_body
};

struct Decision {
  Verdict verdict = Verdict::deny;
  // false: the verdict is recorded, and the call goes on as if callgate were not there.
  bool enforced = true;
  // A rule could decide with the call's body: to be asked again with all of it, or with Body::too_large.
  // Where nobody does, the call is denied. Of a call from_record: nobody can say.
  bool needs_body = false;
  bool needs_approval = false;  // denied, but a person could allow it
  // Names for people, owned by the engine: "payments" / "shop/payments", "read", "no deletes before eight".
  std::string_view policy;
  std::string_view rule;    // empty where no rule matched
  std::string_view reason;  // the rule's own text, or a stable code: "allowed_by_rule", "denied_by_rule",
                            // "no_rule_matches", "no_target_matches", "no_policy", "process_unknown",
                            // "subject_unknown", "conflicting_upstreams", "approval_required",
                            // "condition_error", "body_needed", "body_too_large", "body_not_json",
                            // "body_encoded", "body_ambiguous", "body_not_text"
  // Why a condition could not be evaluated: a stable code; else empty.
  std::string_view fault;
  const Upstream* upstream = nullptr;                      // set where allowed; owned by the engine
  RecordRequirement record;                                // of all that count, together
  boost::container::small_vector<LimitInForce, 2> limits;  // where allowed: all of them hold
  Trial trial;                                             // where enforced policies allowed
};

// The policies that are in force for one caller: made once per flow, used for each of its calls. It belongs
// to the engine that made it and must not outlive it; a flow that moves to another engine selects anew, and
// so does one whose process has become known.
class Selection {
 public:
  // Whether what is not known of the caller (process, subject) leaves no doubt about any of the policies.
  [[nodiscard]] bool is_certain() const;
  // enforce: decisions are enforced.
  [[nodiscard]] Mode mode() const { return mode_; }
  // How bytes are recorded that no decision was asked about: as all of the policies together ask for.
  [[nodiscard]] const RecordRequirement& record() const { return record_; }

 private:
  friend class CompiledEngine;
  struct Entry {
    std::uint32_t policy = 0;
    bool certain = false;  // false: selects the caller only if its unknown process turns out to match
  };

  std::vector<Entry> entries_;  // all of the one mode
  std::vector<Entry> trials_;   // observed ones, where the others are enforced
  Mode mode_ = Mode::enforce;
  RecordRequirement record_;
  std::string_view unknown_;  // nothing selects for certain: the code of what is not known
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

  // Allocates nothing, but for a path with parameters (`;`) or empty segments, for upstream requirements that
  // only several policies together make up, for conditions that look into a body, and for more rules and
  // limits at once than any call should meet.
  [[nodiscard]] virtual Decision decide(const Caller& caller, const Call& call) const = 0;

  // decide(select(caller), caller, call) is decide(caller, call), with the work that depends on the caller
  // done once.
  [[nodiscard]] virtual Selection select(const Caller& caller) const = 0;
  [[nodiscard]] virtual Decision decide(const Selection& selection, const Caller& caller,
                                        const Call& call) const = 0;
  // The same decision with the way to it, for people; `policies` are named in order. Slow.
  [[nodiscard]] virtual Explanation explain(const Caller& caller, const Call& call) const = 0;

  // Whether any policy has a condition: what only conditions look at need not be given where none does.
  [[nodiscard]] virtual bool has_conditions() const = 0;

  // The names that resolved to this IP address (its port is ignored): what a connection that says no name may
  // be for.
  [[nodiscard]] virtual std::vector<std::string_view> names_of(const Address& address) const = 0;
  // True if one of the policies has the target, whatever it says of its functions.
  [[nodiscard]] virtual bool has_target(const Selection& selection, std::string_view host, std::uint16_t port,
                                        const Address* address) const = 0;
  // True if one of the policies says `protocol: opaque` of the target.
  [[nodiscard]] virtual bool is_opaque(const Selection& selection, std::string_view host, std::uint16_t port,
                                       const Address* address) const = 0;

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
