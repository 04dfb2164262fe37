// Everything that agents of any version have pinned: to be looked at, and removed, without one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace callgate::kernel {

struct PinnedWorkload {
  std::uint64_t workload = 0;
  std::uint64_t cgroup_id = 0;
  std::optional<std::string> cgroup_path;  // empty: the cgroup was removed
};

struct Pins {
  std::vector<std::string> versions;  // <pin_dir>/v<ABI>
  std::vector<PinnedWorkload> workloads;
  std::vector<std::uint32_t> guarded_devices;  // interface indexes
};

// `cgroup_mount` of cgroup2. Errors: system.
[[nodiscard]] Result<Pins> find_pins(const std::string& pin_dir, const std::string& cgroup_mount);

// Detaches and removes all of it: workloads connect directly again, connections that exist stay. No agent may
// run. Goes as far as it can; what is left after an error can be removed by another call. Errors: system.
[[nodiscard]] Result<void> remove_pins(const std::string& pin_dir);

}  // namespace callgate::kernel
