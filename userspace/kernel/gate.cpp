#include "kernel/gate.hpp"

#include <array>
#include <cerrno>
#include <cstring>

#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace callgate::kernel {
namespace {

#ifndef SO_NETNS_COOKIE
constexpr int SO_NETNS_COOKIE = 71;
#endif

Address loopback(Family family, std::uint16_t port) {
  Address address;
  address.v6 = family == Family::v6;
  address.port = port;
  if (address.v6) {
    address.ip[15] = 1;
  } else {
    address.ip[0] = 127;
    address.ip[3] = 1;
  }
  return address;
}

Result<void> set_option(int fd, int level, int name, int value, const char* what) {
  if (::setsockopt(fd, level, name, &value, sizeof(value)) != 0) return system_error(what, errno);
  return {};
}

Result<Fd> open_listener(Family family) {
  Fd fd(::socket(family == Family::v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                 IPPROTO_TCP));
  if (!fd) return system_error("socket of a gate", errno);
  if (family == Family::v6)
    CALLGATE_TRY(set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1, "IPV6_V6ONLY of a gate"));
  // Accepted connections inherit it: an urgent byte stays where it is in the stream, instead of being lost.
  CALLGATE_TRY(set_option(fd.get(), SOL_SOCKET, SO_OOBINLINE, 1, "SO_OOBINLINE of a gate"));
  return fd;
}

// A socket connected (nothing is sent) to a far address chooses the source that the routes give it.
std::optional<Address> source_towards(const char* far) {
  auto target = parse_address(far);
  if (!target) return std::nullopt;
  target->port = 9;
  sockaddr_storage storage{};
  socklen_t length = to_sockaddr(*target, storage);
  Fd fd(::socket(storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&storage), length) != 0)
    return std::nullopt;
  length = sizeof(storage);
  if (::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&storage), &length) != 0) return std::nullopt;
  auto source = from_sockaddr(storage);
  if (!source) return std::nullopt;
  source->port = 0;
  return *source;
}

}  // namespace

Result<Gate> make_gate(Family family, PortRange range, int backlog) {
  if (range.first == 0 || range.last < range.first)
    return make_error("bad_port_range", "a gate needs an explicit range of ports, first to last, without 0");
  for (std::uint32_t port = range.first; port <= range.last; ++port) {
    auto fd = open_listener(family);
    if (!fd) return fd.error();
    sockaddr_storage storage{};
    const socklen_t length = to_sockaddr(loopback(family, static_cast<std::uint16_t>(port)), storage);
    if (::bind(fd->get(), reinterpret_cast<const sockaddr*>(&storage), length) != 0) {
      if (errno == EADDRINUSE || errno == EACCES) continue;
      return system_error("bind of a gate", errno);
    }
    if (::listen(fd->get(), backlog) != 0) {
      if (errno == EADDRINUSE) continue;
      return system_error("listen of a gate", errno);
    }
    // After listen(): a sysctl of the namespace can turn Fast Open on for every listener, but only at that
    // moment. With Fast Open a connection would be accepted before its flow is known.
    CALLGATE_TRY(set_option(fd->get(), IPPROTO_TCP, TCP_FASTOPEN, 0, "TCP_FASTOPEN of a gate"));
    return Gate{std::move(*fd), static_cast<std::uint16_t>(port)};
  }
  return make_error("gate_ports_taken",
                    "all ports from " + std::to_string(range.first) + " to " + std::to_string(range.last) +
                        " are taken in the workload's network namespace; configure another range");
}

bool gate_alive(int listener_fd) {
  tcp_info info{};
  socklen_t size = sizeof(info);
  return ::getsockopt(listener_fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && info.tcpi_state == TCP_LISTEN;
}

Result<std::uint64_t> netns_cookie(int socket_fd) {
  std::uint64_t cookie = 0;
  socklen_t size = sizeof(cookie);
  if (::getsockopt(socket_fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) != 0)
    return system_error("SO_NETNS_COOKIE", errno);
  return cookie;
}

Result<std::uint64_t> current_netns_cookie() {
  const Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) return system_error("socket", errno);
  return netns_cookie(fd.get());
}

Result<DefaultSources> default_sources() {
  // Addresses reserved for documentation: no host has them, so only default routes match.
  return DefaultSources{source_towards("192.0.2.1"), source_towards("2001:db8::1")};
}

Result<bool> loopback_is_up() {
  const Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) return system_error("socket", errno);
  ifreq request{};
  std::strncpy(request.ifr_name, "lo", IFNAMSIZ - 1);
  if (::ioctl(fd.get(), SIOCGIFFLAGS, &request) != 0) return system_error("flags of lo", errno);
  return (request.ifr_flags & IFF_UP) != 0;
}

}  // namespace callgate::kernel
