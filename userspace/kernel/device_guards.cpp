#include "kernel/device_guards.hpp"

#include <cerrno>

#include "abi.h"
#include "kernel/counters.hpp"
#include "kernel/device_filter.hpp"
#include "kernel/program_set.hpp"

namespace callgate::kernel {
namespace {

callgate_device_config to_kernel(const DeviceGuardConfig& config) {
  callgate_device_config raw{};
  raw.workload = config.workload;
  raw.heartbeat_slot = config.heartbeat_slot;
  raw.flags = CALLGATE_READY;
  if (config.enforce) raw.flags |= CALLGATE_ENFORCE;
  if (config.refuse_udp_443) raw.flags |= CALLGATE_REFUSE_UDP_443;
  if (config.refuse_sctp) raw.flags |= CALLGATE_REFUSE_SCTP;
  if (config.open_on_loss) raw.flags |= CALLGATE_LOSS_OPEN;
  return raw;
}

DeviceGuardConfig from_kernel(const callgate_device_config& raw) {
  return {raw.workload,
          (raw.flags & CALLGATE_ENFORCE) != 0,
          (raw.flags & CALLGATE_REFUSE_UDP_443) != 0,
          (raw.flags & CALLGATE_REFUSE_SCTP) != 0,
          (raw.flags & CALLGATE_LOSS_OPEN) != 0,
          raw.heartbeat_slot};
}

int configs_map(const Programs& programs) {
  return ::bpf_map__fd(programs.set().skeleton->maps.device_configs);
}
int counters_map(const Programs& programs) {
  return ::bpf_map__fd(programs.set().skeleton->maps.device_counters);
}

}  // namespace

Result<void> DeviceGuards::attach(std::uint32_t device, const DeviceGuardConfig& config) const {
  if (!device_exists(device))
    return make_error("no_device", "there is no network device with the index " + std::to_string(device));
  const int cpus = ::libbpf_num_possible_cpus();
  if (cpus <= 0) return system_error("number of processors", -cpus);
  const std::vector<std::uint64_t> zeros(static_cast<std::size_t>(cpus) * callgate_device_counter_count);
  if (::bpf_map_update_elem(counters_map(programs_), &device, zeros.data(), BPF_NOEXIST) != 0 &&
      errno != EEXIST)
    return system_error("make the counters of a device guard", errno);
  const callgate_device_config raw = to_kernel(config);
  if (::bpf_map_update_elem(configs_map(programs_), &device, &raw, BPF_ANY) != 0)
    return system_error("write the configuration of a device guard", errno);

  return attach_device_filter(device, ::bpf_program__fd(programs_.set().skeleton->progs.guard_device));
}

Result<void> DeviceGuards::detach(std::uint32_t device) const {
  CALLGATE_TRY(detach_device_filter(device));
  if (::bpf_map_delete_elem(configs_map(programs_), &device) != 0 && errno != ENOENT)
    return system_error("remove the configuration of a device guard", errno);
  if (::bpf_map_delete_elem(counters_map(programs_), &device) != 0 && errno != ENOENT)
    return system_error("remove the counters of a device guard", errno);
  return {};
}

Result<std::vector<GuardedDevice>> DeviceGuards::list() const {
  std::vector<GuardedDevice> guards;
  std::uint32_t device = 0;
  for (const void* previous = nullptr; ::bpf_map_get_next_key(configs_map(programs_), previous, &device) == 0;
       previous = &device) {
    callgate_device_config raw{};
    if (::bpf_map_lookup_elem(configs_map(programs_), &device, &raw) != 0) continue;
    auto attached = has_device_filter(device);
    if (!attached) return attached.error();
    guards.push_back({device, from_kernel(raw), *attached});
  }
  return guards;
}

Result<void> DeviceGuards::reattach() const {
  auto guards = list();
  if (!guards) return guards.error();
  for (const GuardedDevice& guard : *guards)
    CALLGATE_TRY(device_exists(guard.index) ? attach(guard.index, guard.config) : detach(guard.index));
  return {};
}

Result<Counters> DeviceGuards::counters(std::uint32_t device) const {
  auto sums = sum_over_cpus(counters_map(programs_), &device, device_counter_names.size());
  if (!sums) {
    if (sums.error().code == "no_entry")
      return make_error("not_guarded", "the device " + std::to_string(device) + " has no guard");
    return sums.error();
  }
  Counters counters;
  for (std::size_t i = 0; i < sums->size(); ++i)
    counters.emplace(device_counter_names[i], (*sums)[i]);
  return counters;
}

}  // namespace callgate::kernel
