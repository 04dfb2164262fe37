// Directories of the cgroup2 file system: what a cgroup is called, and who is in it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/result.hpp"

namespace callgate::workload {

// A directory of the cgroup2 file system.
struct Cgroup {
  std::string path;      // absolute, without symbolic links
  std::uint64_t id = 0;  // as kernel programs see it; another cgroup of the same name has another one
};

// The cgroup at `path`; errors not_found, not_a_cgroup.
[[nodiscard]] Result<Cgroup> open_cgroup(const std::string& path);
// Makes the directory of a cgroup, which may exist already, in a parent that must exist.
[[nodiscard]] Result<Cgroup> make_cgroup(const std::string& path);
// Makes it and the missing ones above it; error no_cgroup2 if the nearest existing directory is no cgroup.
[[nodiscard]] Result<Cgroup> make_cgroups(const std::string& path);
// Removes an empty cgroup and the empty ones below it; one that is not there is no error; error busy if
// somebody is in it.
[[nodiscard]] Result<void> remove_cgroup(const std::string& path);

// Whether a process is in it or below.
[[nodiscard]] Result<bool> is_populated(const std::string& path);
// The processes in it and below, in no order. A process that ends meanwhile may be missing or still listed.
[[nodiscard]] Result<std::vector<pid_t>> processes_of(const std::string& path);
// Moves a process with all its threads.
[[nodiscard]] Result<void> move_process(const std::string& path, pid_t pid);

// The cgroups directly below, by name.
[[nodiscard]] std::vector<std::string> children_of(const std::string& path);

// Whether `path` is `ancestor` or lies below it; both absolute and canonical.
[[nodiscard]] bool is_within(std::string_view path, std::string_view ancestor);

}  // namespace callgate::workload
