// The cgroups whose sockets device guards let out: those in which agents make their gates and upstream
// sockets.
//
// A set, because generations of agents overlap: an older one stays in it until it has drained.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.hpp"
#include "kernel/programs.hpp"

namespace callgate::kernel {

// Refers to `programs`, which outlives it. One thread.
class AgentCgroups {
 public:
  explicit AgentCgroups(const Programs& programs) : programs_(programs) {}

  [[nodiscard]] Result<void> add(std::uint64_t cgroup_id) const;
  [[nodiscard]] Result<void> remove(std::uint64_t cgroup_id) const;
  [[nodiscard]] Result<std::vector<std::uint64_t>> list() const;
  // Removes ids of agents whose cgroup and all of its sockets are gone. (Ids are never reused, so a leftover
  // is harmless, but the set is bounded.)
  [[nodiscard]] Result<void> remove_dead() const;

 private:
  const Programs& programs_;
};

}  // namespace callgate::kernel
