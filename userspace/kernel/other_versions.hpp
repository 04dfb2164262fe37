// What agents of other ABI versions have pinned beside ours: their maps, their links on workloads, their
// cgroups.
//
// Links of two versions can be on one cgroup for a while: whichever connect program runs first redirects, and
// the other one sees a connection to loopback.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "kernel/programs.hpp"

namespace callgate::kernel {

class OtherVersions {
 public:
  explicit OtherVersions(const Programs& programs) : programs_(programs) {}

  // Cgroups in which their gates and upstream sockets are made.
  [[nodiscard]] Result<std::vector<std::uint64_t>> agent_cgroups() const;

  // Whether they have programs on a cgroup.
  [[nodiscard]] bool attached_to(std::uint64_t cgroup_id) const;
  // Frees a cgroup of their programs, in two steps: connections that the first one still saw need the rest
  // until they are established. Both return whether there was anything. Errors: system.
  [[nodiscard]] Result<bool> stop_redirecting(std::uint64_t cgroup_id) const;
  [[nodiscard]] Result<bool> detach(std::uint64_t cgroup_id) const;

  // Removes versions that have no workload and no living agent any more.
  [[nodiscard]] Result<void> remove_empty() const;

 private:
  [[nodiscard]] std::vector<std::string> roots() const;
  [[nodiscard]] std::vector<std::string> enrolments(std::uint64_t cgroup_id) const;

  const Programs& programs_;
};

}  // namespace callgate::kernel
