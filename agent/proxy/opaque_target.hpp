// Which target a connection is for whose bytes say no name, and what the policies say of it.
#pragma once

#include <optional>
#include <string>

#include "policy/engine.hpp"
#include "proxy/failure.hpp"
#include "proxy/session.hpp"

namespace callgate::proxy {

struct OpaqueTarget {
  std::string host;  // lower case; the address where no name is known
  policy::Decision decision;
  bool named = false;              // a rule, or `protocol: opaque`, speaks of this connection
  std::optional<Failure> refusal;  // set where the connection may not be made although a rule allows it
  [[nodiscard]] bool allowed() const {
    return decision.verdict == policy::Verdict::allow && decision.upstream != nullptr && !refusal;
  }
};

// A connection may be for its IP address, and for every name that callgated resolved to it: denied if a rule
// denies it under any of them, allowed if one of them is, refused (ambiguous_target) if several are, since
// each would have to prove another name.
[[nodiscard]] OpaqueTarget find_opaque_target(const Session& session);

// What the policies of now say of a connection that `host` has proved to be for, and that is under way:
// whether the name still stands for the address, or another one does too, is no question any more. Denied if
// a rule denies it under any of its names.
[[nodiscard]] OpaqueTarget judge_opaque_target(const Session& session, const std::string& host);

// True if the policies say that nobody is to read what this connection carries.
[[nodiscard]] bool is_opaque(const Session& session);

}  // namespace callgate::proxy
