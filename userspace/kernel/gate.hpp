// Gates and what must be known of a network namespace to use them: for code that runs inside that namespace.
//
// The thread that calls these has entered the workload's network namespace (setns); sockets stay where they
// were made, so they may be passed to others afterwards. Free functions without state: any thread.
#pragma once

#include <cstdint>
#include <optional>

#include "base/address.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"

namespace callgate::kernel {

enum class Family { v4, v6 };

struct PortRange {
  std::uint16_t first =
      0;  // not 0: a gate has an explicit port, so that a killed one is not silently somewhere else
  std::uint16_t last = 0;  // inclusive
};

struct Gate {
  Fd listener;  // non-blocking, close-on-exec
  std::uint16_t port = 0;
};

// Listens on 127.0.0.1 or ::1, on the first free port of `range`: without SO_REUSEPORT (nobody can join),
// IPv6 only on ::1, Fast Open off. The listener belongs to the cgroup of the calling process, which must be
// the one where the gates' programs are attached; it must then be marked (Programs::mark_gate). Errors:
// gate_ports_taken, system.
[[nodiscard]] Result<Gate> make_gate(Family family, PortRange range, int backlog = 4096);

// Whether the socket still listens. An administrator of its namespace can end it from outside (`ss -K`).
[[nodiscard]] bool gate_alive(int listener_fd);

// The cookie of the network namespace that a socket belongs to: unique since boot. Error system.
[[nodiscard]] Result<std::uint64_t> netns_cookie(int socket_fd);
// The same of the calling thread's namespace.
[[nodiscard]] Result<std::uint64_t> current_netns_cookie();

struct DefaultSources {
  std::optional<Address> v4;
  std::optional<Address> v6;
};
// The addresses from which the calling thread's namespace would connect to somewhere far; without a route,
// nothing.
[[nodiscard]] Result<DefaultSources> default_sources();

// Whether lo is up in the calling thread's namespace: without it no gate can be reached. Error system.
[[nodiscard]] Result<bool> loopback_is_up();

}  // namespace callgate::kernel
