// How the process that parses hostile bytes gives up everything that it does not need for that.
//
// In order: confine() while there is one thread, then the threads are made, then filter_system_calls() binds
// all of them, then verify_confinement() looks from inside. Nothing is read from any channel before.
#pragma once

#include <vector>

#include <sys/types.h>

#include "base/result.hpp"

namespace callgate::proxy {

struct Confinement {
  std::vector<int> kept;  // descriptors that stay open, besides standard error
  uid_t uid = 0;
  gid_t gid = 0;
};

// Empty network, mount, IPC and UTS namespaces, an empty read-only root directory, no other descriptors,
// another user without any capability, no new privileges, no core dumps, not traceable. Needs root.
[[nodiscard]] Result<void> confine(const Confinement& confinement);

// Leaves all threads of the process with the system calls that serving connections takes. What libraries may
// try on their own, and can do without (opening files, making sockets), fails with EPERM; everything else
// that is not allowed ends the process at once: the proxy itself never does it, so somebody else is.
[[nodiscard]] Result<void> filter_system_calls();

// Checks all of the above as far as it shows from inside; error not_confined says what does not hold.
[[nodiscard]] Result<void> verify_confinement(const Confinement& confinement);

}  // namespace callgate::proxy
