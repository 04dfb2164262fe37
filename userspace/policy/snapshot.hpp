// Policies as bytes: how callgated hands them to callgate-proxy (in a sealed memfd), and what their digest is
// taken of.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "policy/document.hpp"
#include "policy/engine.hpp"

namespace callgate::policy {

struct Snapshot {
  std::vector<CallPolicy> policies;
  Mode default_mode = Mode::observe;
  std::vector<ResolvedHost> resolved;  // of hosts_to_resolve(policies)
  std::string version;                 // label of the policies, for people; may be empty
};

// A snapshot of more bytes than this is refused.
inline constexpr std::size_t largest_snapshot = 64U << 20U;

// The bytes of a snapshot (callgate.v1.PolicySnapshot): the same for the same content.
[[nodiscard]] std::string serialize_snapshot(const Snapshot& snapshot);

// The inverse. The input is not trusted: what does not hold of policies that parse_policies made, or what
// this build does not know, is the error bad_policy_snapshot.
[[nodiscard]] Result<Snapshot> parse_snapshot(std::string_view bytes);

// parse_snapshot and Engine::compile in one.
[[nodiscard]] Result<std::unique_ptr<const Engine>> load_snapshot(std::string_view bytes);

}  // namespace callgate::policy
