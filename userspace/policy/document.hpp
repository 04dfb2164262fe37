// Policy documents: what a CallPolicy says, parsed strictly from YAML, with the place of everything wrong.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "policy/upstream.hpp"

namespace callgate::policy {

enum class Mode : std::uint8_t { observe, enforce };
enum class Action : std::uint8_t { allow, deny };

// Whose calls: every field that is given must match; an entry gives at least one.
struct CallerPattern {
  std::optional<std::string> workload;  // glob over the workload's name: `*` is any run of characters
  std::optional<std::string> process;   // glob over the path of the executable; `*` crosses slashes

  bool operator==(const CallerPattern&) const = default;
};

enum class Protocol : std::uint8_t {
  detect,  // told by the first bytes
  opaque,  // bytes that nobody reads: every connection is a call of `tcp:connect`, decided before the first
           // byte
};

struct Target {
  std::string host;  // "api.pay.internal", "*.pay.internal" (one label or more), "*", an IP literal
  std::optional<std::uint16_t> port;  // absent: any
  Protocol protocol = Protocol::detect;
  Upstream upstream;

  bool operator==(const Target&) const = default;
};

struct Rule {
  std::string name;
  std::vector<std::string> functions;  // as written; the forms are those of parse_function
  Action action = Action::deny;
  std::string reason;  // the author's words for the caller; may be empty

  bool operator==(const Rule&) const = default;
};

// One document, patterns kept as written. Engine::compile turns it into matchers.
struct CallPolicy {
  std::string name;
  // Qualifies the name only: workloads of a plain host have no namespace. May be empty.
  std::string namespace_name;
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

struct ParsedFile {
  std::vector<CallPolicy> policies;  // empty if there is any error
  std::vector<Finding> findings;
};

// Parses every document of a YAML text of at most 1 MiB. `file` names it in findings. Anything unknown,
// misspelt, duplicate or not yet supported by this build is an error, and one error rejects the whole text.
[[nodiscard]] ParsedFile parse_policies(std::string_view text, std::string_view file);

// "payments.yaml:12:7: error: unknown field `taget`", the offending line with a caret, and the hint.
[[nodiscard]] std::string format_finding(const Finding& finding, std::string_view text);

}  // namespace callgate::policy
