// Processes that share a workload's network namespace and belong to no workload.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace callgate::workload {

struct Neighbours {
  std::size_t count = 0;
  std::vector<std::string> names;  // of some of them, each once
};

// Looks through all processes of this host for those of the namespace with the inode `network_namespace` that
// are in none of the cgroups (paths below `cgroup2_mount`). What ends meanwhile is left out. Error: system
// errors.
[[nodiscard]] Result<Neighbours> find_neighbours(std::uint64_t network_namespace,
                                                 const std::string& cgroup2_mount,
                                                 const std::vector<std::string>& cgroups);

}  // namespace callgate::workload
