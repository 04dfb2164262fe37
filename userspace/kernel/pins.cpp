#include "kernel/pins.hpp"

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include <bpf/bpf.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/cgroup.hpp"
#include "kernel/device_filter.hpp"
#include "kernel/link.hpp"
#include "kernel/pin_directory.hpp"

namespace callgate::kernel {
namespace {

Result<std::vector<std::uint32_t>> guarded_devices(const std::string& version) {
  std::vector<std::uint32_t> found;
  const Fd map(::bpf_obj_get((version + "/maps/device_configs").c_str()));
  if (!map) {
    if (errno == ENOENT) return found;
    return system_error("open the pinned map of device guards", errno);
  }
  std::uint32_t device = 0;
  for (const void* previous = nullptr; ::bpf_map_get_next_key(map.get(), previous, &device) == 0;
       previous = &device)
    found.push_back(device);
  return found;
}

// Redirecting ends first: a connection that was redirected needs the others until it is established.
Result<void> detach_workload(const std::string& directory) {
  for (const bool connects : {true, false}) {
    for (const std::string& pin : entries_of(directory)) {
      if (is_connect_pin(pin) == connects) CALLGATE_TRY(detach_and_unpin(pin));
    }
  }
  if (::rmdir(directory.c_str()) != 0) return system_error("remove " + directory, errno);
  return {};
}

}  // namespace

Result<Pins> find_pins(const std::string& pin_dir, const std::string& cgroup_mount) {
  Pins pins;
  pins.versions = pinned_versions(pin_dir);
  for (const std::string& version : pins.versions) {
    for (const std::string& directory : entries_of(version + "/workloads")) {
      PinnedWorkload workload;
      char* end = nullptr;
      const std::string name = name_of(directory);
      workload.cgroup_id = std::strtoull(name.c_str(), &end, 10);
      if (*end == '-') workload.workload = std::strtoull(end + 1, nullptr, 10);
      if (const auto cgroup = open_cgroup_by_id(cgroup_mount, workload.cgroup_id)) {
        auto path = cgroup_path(cgroup->get());
        if (path) workload.cgroup_path = std::move(*path);
      }
      pins.workloads.push_back(std::move(workload));
    }
    const auto devices = guarded_devices(version);
    if (!devices) return devices.error();
    pins.guarded_devices.insert(pins.guarded_devices.end(), devices->begin(), devices->end());
  }
  return pins;
}

Result<void> remove_pins(const std::string& pin_dir) {
  for (const std::string& version : pinned_versions(pin_dir)) {
    for (const std::string& directory : entries_of(version + "/workloads"))
      CALLGATE_TRY(detach_workload(directory));
    const auto devices = guarded_devices(version);
    if (!devices) return devices.error();
    for (const std::uint32_t device : *devices)
      CALLGATE_TRY(detach_device_filter(device));
    for (const std::string& agent : entries_of(version + "/agents")) {
      for (const std::string& pin : entries_of(agent))
        CALLGATE_TRY(detach_and_unpin(pin));
    }
    std::error_code error;
    std::filesystem::remove_all(version, error);
    if (error) return system_error("remove " + version, error.value());
  }
  if (::rmdir(pin_dir.c_str()) != 0 && errno != ENOENT && errno != ENOTEMPTY)
    return system_error("remove " + pin_dir, errno);
  return {};
}

}  // namespace callgate::kernel
