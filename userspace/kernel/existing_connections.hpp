// TCP connections that a workload made before it was enrolled: counted, or reset, through sock_diag.
//
// A socket belongs to the cgroup that made it, wherever the process is now: the same attribution that the
// hooks use. Connections over loopback are left out, as capture leaves them out; so are redirected ones,
// which end at a gate. Needs CAP_NET_ADMIN. Free functions: any thread. Kernel 5.8 (INET_DIAG_CGROUP_ID), for
// resets CONFIG_INET_DIAG_DESTROY.
#pragma once

#include <cstdint>
#include <set>

#include "base/result.hpp"

namespace callgate::kernel {

// `diagnosis` is a NETLINK_SOCK_DIAG socket made in the workload's network namespace, with a receive
// time-out; `cgroups` the ids of the workload's cgroup and of all below it. Counts what bytes can still leave
// by. Errors: no_socket_cgroups (the kernel does not tell whose sockets are), system_error.
[[nodiscard]] Result<std::uint64_t> count_connections(int diagnosis, const std::set<std::uint64_t>& cgroups);

// Resets them, and looks again until none is left; returns how many there were. Errors also: not_reset (some
// came back as often as they were reset).
[[nodiscard]] Result<std::uint64_t> reset_connections(int diagnosis, const std::set<std::uint64_t>& cgroups);

}  // namespace callgate::kernel
