// Policy documents: what a CallPolicy says, parsed strictly from YAML, with the place of everything wrong.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "policy/address_range.hpp"
#include "policy/obligation.hpp"
#include "policy/upstream.hpp"

namespace callgate::policy {

enum class Mode : std::uint8_t { observe, enforce };
enum class Kind : std::uint8_t {
  namespaced,  // CallPolicy: selects callers of its own namespace; without one, those that have none
  cluster,     // ClusterCallPolicy: selects callers whatever their namespace
};
// From the weakest to the strongest, where several rules match.
enum class Action : std::uint8_t { allow, approve, deny };

struct ClaimPattern {
  std::string name;
  std::string value;  // glob

  bool operator==(const ClaimPattern&) const = default;
};

// On whose behalf: every field that is given must match, and at least one is.
struct SubjectPattern {
  std::optional<std::string> issuer;  // as the token says it, compared whole
  std::optional<std::string> name;    // glob over the token's `sub`
  std::vector<std::string> groups;    // globs; one of them must be among the subject's
  std::vector<ClaimPattern> claims;   // all of them

  bool operator==(const SubjectPattern&) const = default;
};

// Whose calls: every field that is given must match; an entry gives at least one. Globs: `*` is any run of
// characters.
struct CallerPattern {
  std::optional<std::string> workload;         // glob over the workload's name
  std::optional<std::string> namespace_name;   // glob over the namespace that the SPIFFE ID says
  std::optional<std::string> service_account;  // the same of the service account
  std::optional<std::string> identity;  // glob over the SPIFFE ID; `*` does not cross a slash, `**` does
  std::optional<std::string> process;   // glob over the path of the executable; `*` crosses slashes
  std::optional<SubjectPattern> subject;

  bool operator==(const CallerPattern&) const = default;
};

enum class Protocol : std::uint8_t {
  detect,  // told by the first bytes
  opaque,  // bytes that nobody reads: every connection is a call of `tcp:connect`, decided before the first
           // byte
};

// Where to: every field that is given must match.
struct Target {
  // "api.pay.internal", "*.pay.internal" (one label or more), "*", an IP literal. Empty where only `cidr` or
  // `identity` is given.
  std::string host;
  std::optional<std::uint16_t> port;  // absent: any
  Protocol protocol = Protocol::detect;
  Upstream upstream;
  std::optional<AddressRange> range;  // of the address that was dialled

  bool operator==(const Target&) const = default;
};

struct Rule {
  std::string name;
  std::vector<std::string> functions;  // as written; the forms are those of parse_function
  Action action = Action::deny;
  std::string reason;     // the author's words for the caller; may be empty
  std::string when = {};  // a condition in CEL; empty: none
  Obligations obligations = {};

  bool operator==(const Rule&) const = default;
};

// One document, patterns kept as written. Engine::compile turns it into matchers.
struct CallPolicy {
  std::string name;
  std::string namespace_name;  // may be empty; of a cluster-wide policy it is
  Kind kind = Kind::namespaced;
  Mode mode = Mode::enforce;
  std::vector<CallerPattern> callers;
  std::vector<Target> targets;
  std::vector<Rule> rules;
  RecordRequirement record;

  bool operator==(const CallPolicy&) const = default;
};

// "payments" or "shop/payments".
[[nodiscard]] std::string qualified_name(const CallPolicy& policy);

// The names (lower case, sorted, each once) whose addresses decisions depend on: of plaintext targets, and of
// targets that opaque connections may go to, which say no name. callgated resolves them, and gives the
// addresses to Engine::compile.
[[nodiscard]] std::vector<std::string> hosts_to_resolve(const std::vector<CallPolicy>& policies);

// The addresses (ports are ignored) that callgated found for one of hosts_to_resolve().
struct ResolvedHost {
  std::string host;
  std::vector<Address> addresses;
};

// One thing wrong with a document. Lines and columns count from 1.
struct Finding {
  enum class Severity : std::uint8_t { error, warning };
  Severity severity = Severity::error;
  std::string file;
  int line = 0;  // 0: the file as a whole
  int column = 0;
  std::string message;  // what is wrong
  std::string hint;     // what to write instead; may be empty
};

[[nodiscard]] bool has_error(const std::vector<Finding>& findings);

struct ParsedFile {
  std::vector<CallPolicy> policies;  // empty if there is any error
  std::vector<Finding> findings;
};

// What becomes of a document that asks for what this build cannot do.
enum class Unhonoured : std::uint8_t {
  refused,   // an error, as everywhere where policies are to be in force: no obligation is ever ignored
  accepted,  // for tools that only show and compare policies
};

// Parses every document of a YAML text of at most 1 MiB. `file` names it in findings. Anything unknown,
// misspelt or duplicate is an error, and one error rejects the whole text. Warnings do not.
[[nodiscard]] ParsedFile parse_policies(std::string_view text, std::string_view file,
                                        Unhonoured unhonoured = Unhonoured::refused);

// "payments.yaml:12:7: error: unknown field `taget`", the offending line with a caret, and the hint.
[[nodiscard]] std::string format_finding(const Finding& finding, std::string_view text);

}  // namespace callgate::policy
