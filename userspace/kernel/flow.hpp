// The flow of a redirected connection, as whoever holds the accepted socket reads it.
//
// Needs no privileges and no map: a kernel program on the gates' cgroup answers a socket option of our own.
#pragma once

#include <cstdint>

#include "base/address.hpp"
#include "base/result.hpp"

namespace callgate::kernel {

struct Flow {
  std::uint64_t workload = 0;       // as given when the workload was enrolled
  Address destination;              // where the caller wanted to go
  std::uint32_t tgid = 0;           // process id in the initial pid namespace
  std::uint64_t process_start = 0;  // ns since boot; /proc/PID/stat shows the same in clock ticks
  std::uint64_t exe_device = 0;     // of the executable's filesystem, as makedev() makes it; 0: unknown
  std::uint64_t exe_inode = 0;      // the kernel's inode number of the executable
  std::uint64_t netns_cookie = 0;   // of the network namespace in which the caller connected

  bool operator==(const Flow&) const = default;
};

// The flow of an accepted socket. It is there when accept() returns and never changes. Any thread.
// Errors: no_flow (nobody was redirected to this connection: somebody dialled the gate; close it),
// flow_version (another version of the kernel programs answered), system.
[[nodiscard]] Result<Flow> read_flow(int accepted_fd);

}  // namespace callgate::kernel
