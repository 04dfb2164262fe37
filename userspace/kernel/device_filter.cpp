#include "kernel/device_filter.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include <bpf/libbpf.h>
#include <net/if.h>

namespace callgate::kernel {
namespace {

// First of all filters of the device; when it has nothing against a packet the next one decides.
constexpr std::uint32_t priority = 1;
constexpr std::uint32_t handle = 0xca11;

bpf_tc_hook hook_of(std::uint32_t device) {
  bpf_tc_hook hook{};
  hook.sz = sizeof(hook);
  hook.ifindex = static_cast<int>(device);
  hook.attach_point = BPF_TC_INGRESS;
  return hook;
}

bpf_tc_opts filter_options() {
  bpf_tc_opts options{};
  options.sz = sizeof(options);
  options.handle = handle;
  options.priority = priority;
  return options;
}

}  // namespace

bool device_exists(std::uint32_t device) {
  std::array<char, IF_NAMESIZE> name{};
  return ::if_indextoname(device, name.data()) != nullptr;
}

Result<void> attach_device_filter(std::uint32_t device, int program_fd) {
  bpf_tc_hook hook = hook_of(device);
  if (const int error = ::bpf_tc_hook_create(&hook); error != 0 && error != -EEXIST)
    return make_error("attach_failed", "the device " + std::to_string(device) +
                                           " cannot have a filter (clsact): " + std::strerror(-error) +
                                           "; is sch_ingress available?");
  bpf_tc_opts options = filter_options();
  options.prog_fd = program_fd;
  options.flags = BPF_TC_F_REPLACE;
  if (const int error = ::bpf_tc_attach(&hook, &options); error != 0)
    return make_error("attach_failed", "the guard cannot be attached to the device " +
                                           std::to_string(device) + ": " + std::strerror(-error) +
                                           "; is cls_bpf available?");
  return {};
}

Result<bool> has_device_filter(std::uint32_t device) {
  if (!device_exists(device)) return false;
  const bpf_tc_hook hook = hook_of(device);
  bpf_tc_opts options = filter_options();
  const int error = ::bpf_tc_query(&hook, &options);
  if (error == -ENOENT || error == -EINVAL) return false;  // no filter; no clsact
  if (error != 0) return system_error("query a device guard", -error);
  return true;
}

Result<void> detach_device_filter(std::uint32_t device) {
  const auto there = has_device_filter(device);
  if (!there) return there.error();
  if (!*there) return {};
  const bpf_tc_hook hook = hook_of(device);
  const bpf_tc_opts options = filter_options();
  if (const int error = ::bpf_tc_detach(&hook, &options); error != 0)
    return system_error("detach a device guard", -error);
  return {};
}

}  // namespace callgate::kernel
