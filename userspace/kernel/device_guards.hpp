// Guards on the host's end of workloads' devices: connections that start outside the agent's cgroups do not
// pass.
//
// A guard is a tc filter with a configuration in a pinned map; both outlive the process. Devices are those of
// the calling thread's network namespace, which must be the same one for the life of a pin directory (the
// agent's own). The whole network namespace behind a device is guarded, so it should hold one workload.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.hpp"
#include "kernel/programs.hpp"

namespace callgate::kernel {

struct DeviceGuardConfig {
  std::uint64_t workload = 0;  // for listings
  bool enforce = true;         // false: only count
  bool refuse_udp_443 = true;
  bool refuse_sctp = true;
  bool open_on_loss = false;  // let pass while the heartbeat is stale
  std::uint32_t heartbeat_slot = 0;

  bool operator==(const DeviceGuardConfig&) const = default;
};

struct GuardedDevice {
  std::uint32_t index = 0;
  DeviceGuardConfig config;
  bool attached = false;  // false: the filter or the device is gone; attach() again, or detach() to forget it
};

// Refers to `programs`, which outlives it. One thread.
class DeviceGuards {
 public:
  explicit DeviceGuards(const Programs& programs) : programs_(programs) {}

  // Attaches the guard, or brings an attached one to this process's program and this configuration.
  // Errors: no_device, attach_failed, system.
  [[nodiscard]] Result<void> attach(std::uint32_t device, const DeviceGuardConfig& config) const;
  // Detaches and forgets; what is already gone is fine. Errors: system.
  [[nodiscard]] Result<void> detach(std::uint32_t device) const;
  [[nodiscard]] Result<std::vector<GuardedDevice>> list() const;
  // After a restart: attach() for every listed device that still exists, and forgets the others.
  [[nodiscard]] Result<void> reattach() const;
  // Packets: agent_syn, refused_syn, ... Errors: not_guarded, system.
  [[nodiscard]] Result<Counters> counters(std::uint32_t device) const;

 private:
  const Programs& programs_;
};

}  // namespace callgate::kernel
