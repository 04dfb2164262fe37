#include "kernel/flow.hpp"

#include <algorithm>
#include <cerrno>

#include <sys/socket.h>
#include <sys/sysmacros.h>

#include "abi.h"
#include "kernel/abi_version.hpp"

namespace callgate::kernel {
namespace {

// dev_t as the kernel keeps it inside (12 bits of major, 20 of minor), as stat() shows it.
std::uint64_t to_user_device(std::uint64_t kernel_device) {
  return makedev(static_cast<unsigned>(kernel_device >> 20U),
                 static_cast<unsigned>(kernel_device & 0xfffffU));
}

}  // namespace

Result<Flow> read_flow(int accepted_fd) {
  callgate_flow raw{};
  socklen_t size = sizeof(raw);
  if (::getsockopt(accepted_fd, CALLGATE_SOL_FLOW, CALLGATE_SO_FLOW, &raw, &size) != 0) {
    if (errno == ENOPROTOOPT || errno == EOPNOTSUPP)
      return make_error("no_flow",
                        "the connection was not redirected here: its caller dialled the gate itself");
    return system_error("getsockopt of a connection's flow", errno);
  }
  if (size != sizeof(raw) || raw.abi_version != abi_version())
    return make_error("flow_version",
                      "the kernel programs on the gate's cgroup have another version than this program; "
                      "restart the agent");
  Flow flow;
  flow.workload = raw.workload;
  flow.netns_cookie = raw.netns_cookie;
  flow.process_start = raw.process_start;
  flow.exe_device = raw.exe_device == 0 ? 0 : to_user_device(raw.exe_device);
  flow.exe_inode = raw.exe_inode;
  flow.tgid = raw.tgid;
  std::copy(std::begin(raw.destination), std::end(raw.destination), flow.destination.ip.begin());
  flow.destination.port = raw.port;
  flow.destination.v6 = raw.v6 != 0;
  flow.destination.scope = raw.scope;
  return flow;
}

}  // namespace callgate::kernel
