// The source of workloads on a plain host: what may be enrolled when a person asks for a cgroup or a process.
//
// The rules, each refused with its reason:
//   - not the cgroup2 root, not the agent's own cgroups, nothing that contains those;
//   - nothing that is enrolled already, lies inside of what is, or contains it;
//   - by --pid: every other process of the cgroup must be a descendant of that process. Otherwise the cgroup
//   is shared
//     (a login session, a service with several parts), and the asker has to name it by --cgroup to mean all
//     of it;
//   - by --cgroup: the asking process itself is not in it;
//   - all processes of it are in one network namespace.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "workload/cgroup.hpp"
#include "workload/workload.hpp"

namespace callgate::workload {

struct Surroundings {
  std::string cgroup2_mount;
  std::string agent_root;  // the directory in which this agent makes its cgroups
  const std::map<std::uint64_t, Workload>* enrolled = nullptr;
};

struct Candidate {
  Cgroup cgroup;
  std::vector<pid_t> processes;  // when it was looked at
  Fd network_namespace;          // of its processes; the caller's own where there are none
};

// Errors refused, exists, not_found, not_a_cgroup, no_such_process.
[[nodiscard]] Result<Candidate> candidate_by_cgroup(const std::string& path, pid_t asker,
                                                    const Surroundings& around);
[[nodiscard]] Result<Candidate> candidate_by_process(pid_t pid, const Surroundings& around);

// The network namespace that all of the processes share (those that end meanwhile are left out); the caller's
// own where there is none; error refused, naming processes, where there are several.
[[nodiscard]] Result<Fd> common_network_namespace(const std::vector<pid_t>& processes);

}  // namespace callgate::workload
