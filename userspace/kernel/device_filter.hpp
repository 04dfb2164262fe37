// The place of the device guard among the filters of a network device.
#pragma once

#include <cstdint>

#include "base/result.hpp"

namespace callgate::kernel {

// Attaches a program as the first filter of what the device receives, in the place of an earlier guard. Error
// attach_failed.
[[nodiscard]] Result<void> attach_device_filter(std::uint32_t device, int program_fd);
// A missing one, or a missing device, is fine. Error system.
[[nodiscard]] Result<void> detach_device_filter(std::uint32_t device);
[[nodiscard]] Result<bool> has_device_filter(std::uint32_t device);
[[nodiscard]] bool device_exists(std::uint32_t device);

}  // namespace callgate::kernel
