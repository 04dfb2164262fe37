// Facts about one process, read through a handle that cannot come to mean another process when its number is
// reused.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <sys/types.h>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace callgate::workload {

// An open /proc/PID directory: every reading is of the process that had the number when it was opened, or
// fails.
class Process {
 public:
  // Error no_such_process where there is none.
  [[nodiscard]] static Result<Process> open(pid_t pid);

  [[nodiscard]] pid_t pid() const { return pid_; }
  // Clock ticks since boot, field 22 of /proc/PID/stat.
  [[nodiscard]] Result<std::uint64_t> start_ticks() const;
  // Path of its cgroup below the cgroup2 root, such as "/system.slice/cron.service".
  [[nodiscard]] Result<std::string> cgroup() const;
  // The real and effective user ids, which must be the same (error mixed_identity).
  [[nodiscard]] Result<uid_t> owner() const;
  [[nodiscard]] Result<pid_t> parent() const;
  [[nodiscard]] Result<std::string> command() const;  // comm: at most 15 bytes
  // Its network namespace, kept alive by the descriptor.
  [[nodiscard]] Result<Fd> network_namespace() const;
  // Whether it still runs (a zombie does not).
  [[nodiscard]] bool alive() const;

  // What names an executable to the kernel programs.
  struct Executable {
    std::uint64_t device = 0;  // as makedev() makes it
    std::uint64_t inode = 0;
    std::string path;  // empty where it has been unlinked
  };
  [[nodiscard]] Result<Executable> executable() const;

 private:
  Process(pid_t pid, Fd directory) : pid_(pid), directory_(std::move(directory)) {}
  [[nodiscard]] Result<std::string> read(const char* name) const;

  pid_t pid_ = 0;
  Fd directory_;
};

// Nanoseconds since boot, as the kernel programs see a process's start, in the ticks of /proc/PID/stat.
[[nodiscard]] std::uint64_t boot_ns_to_ticks(std::uint64_t nanoseconds);

// The inode number that names a network namespace (/proc/PID/ns/net).
[[nodiscard]] Result<std::uint64_t> namespace_inode(int fd);

// The path of the executable that the process `tgid`, started at `start_ns` (since boot), ran from device and
// inode; none where that process is gone, another one has its number, or it runs another file by now.
[[nodiscard]] std::optional<std::string> resolve_executable(std::uint32_t tgid, std::uint64_t start_ns,
                                                            std::uint64_t device, std::uint64_t inode);

}  // namespace callgate::workload
