// A worker between a caller and a target, with a policy: what most tests of the proxy begin with.
#pragma once

#include <string>
#include <string_view>

#include "fake_node.hpp"
#include "peer.hpp"
#include "records.hpp"

namespace callgate::test {

// A policy that permits plaintext to target.test, and denies what is under /forbidden. `mode`: enforce or
// observe.
std::string plaintext_policy(std::string_view mode = "enforce");

struct Bed {
  explicit Bed(const NodeOptions& options = {}, const std::string& policy = plaintext_policy(),
               int target_buffer = 0);

  // A new connection of the workload's, and its other end at the gate is the proxy's.
  Peer call();
  // The flow of connections from now on.
  kernel::Flow flow() const;
  // With callers gone: everything that was recorded.
  [[nodiscard]] Records records() { return read_closed_records(node.ring_path()); }
  // One call after the other end of it closed.
  RecordedCall only_call();

  Listener gate;
  Listener target;
  FakeNode node;
};

constexpr std::uint64_t workload_id = 7;
constexpr std::uint64_t netns_cookie = 99;

// A GET for `path`.
std::string get(std::string_view path, std::string_view fields = {});

}  // namespace callgate::test
