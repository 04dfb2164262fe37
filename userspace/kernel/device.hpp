// The host's end of a workload's network device.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace callgate::kernel {

struct Device {
  std::uint32_t index = 0;  // in the calling thread's network namespace
  std::string name;
  std::uint32_t peer_index = 0;  // of the other end, in the workload's network namespace
};

// The veth devices of the calling thread's network namespace whose other end is in the namespace of
// `netns_fd` (an open /proc/PID/ns/net). Empty if there are none: a workload in the host's own namespace,
// macvlan, and so on. Error system.
[[nodiscard]] Result<std::vector<Device>> find_host_devices(int netns_fd);

}  // namespace callgate::kernel
