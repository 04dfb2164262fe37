// cgroup2: where it is mounted, and the ids by which the kernel programs know its directories.
//
// An id is the kernel's number of a cgroup: unique since boot, never reused, also for a directory made anew
// under an old name. Free functions: any thread.
#pragma once

#include <cstdint>
#include <string>

#include <sys/types.h>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace callgate::kernel {

// The first mount point of cgroup2 (on hosts with both versions it is not /sys/fs/cgroup). Error no_cgroup2.
[[nodiscard]] Result<std::string> find_cgroup2_mount();

// The directory of a cgroup. Errors: no_cgroup, not_cgroup2.
[[nodiscard]] Result<Fd> open_cgroup(const std::string& path);
// The same by id: `mount` is a mount point of cgroup2. Errors: no_cgroup (it is gone), system.
[[nodiscard]] Result<Fd> open_cgroup_by_id(const std::string& mount, std::uint64_t id);

// Errors: not_cgroup2, system.
[[nodiscard]] Result<std::uint64_t> cgroup_id(int cgroup_fd);
// Where a cgroup is now, as an absolute path of this mount namespace. Error system.
[[nodiscard]] Result<std::string> cgroup_path(int cgroup_fd);

// The cgroup2 directory of a process, as an absolute path. Errors: no_process, no_cgroup2.
[[nodiscard]] Result<std::string> cgroup_path_of_process(const std::string& mount, pid_t pid);

}  // namespace callgate::kernel
