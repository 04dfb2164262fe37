#include "kernel/gate.hpp"

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "kernel/flow.hpp"

using namespace callgate;
using namespace callgate::kernel;

namespace {

int option(int fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof(value);
  REQUIRE(::getsockopt(fd, level, name, &value, &size) == 0);
  return value;
}

// Any range with room; tests of several programs run at the same time.
constexpr PortRange range{42000, 42400};

}  // namespace

TEST_CASE("a gate listens on loopback, alone on its port, without Fast Open") {
  for (const Family family : {Family::v4, Family::v6}) {
    auto gate = make_gate(family, range);
    REQUIRE(gate.has_value());
    const int fd = gate->listener.get();
    CHECK(gate->port >= range.first);
    CHECK(gate->port <= range.last);
    sockaddr_storage storage{};
    socklen_t length = sizeof(storage);
    REQUIRE(::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length) == 0);
    const Address address = from_sockaddr(storage).value();
    CHECK(ip_to_string(address) == (family == Family::v6 ? "::1" : "127.0.0.1"));
    CHECK(address.port == gate->port);
    CHECK(option(fd, SOL_SOCKET, SO_REUSEPORT) == 0);
    CHECK(option(fd, SOL_SOCKET, SO_REUSEADDR) == 0);
    CHECK(option(fd, SOL_SOCKET, SO_OOBINLINE) == 1);
    CHECK(option(fd, IPPROTO_TCP, TCP_FASTOPEN) == 0);
    if (family == Family::v6) CHECK(option(fd, IPPROTO_IPV6, IPV6_V6ONLY) == 1);
    CHECK((::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(gate_alive(fd));
  }
}

TEST_CASE("gates take the next free port, and say so when there is none") {
  auto first = make_gate(Family::v4, range);
  REQUIRE(first.has_value());
  const auto none = make_gate(Family::v4, {first->port, first->port});
  REQUIRE_FALSE(none.has_value());
  CHECK(none.error().code == "gate_ports_taken");
  const auto second = make_gate(Family::v4, {first->port, range.last});
  REQUIRE(second.has_value());
  CHECK(second->port > first->port);
}

TEST_CASE("a gate needs an explicit port") {
  for (const PortRange bad : {PortRange{0, 0}, PortRange{0, 10}, PortRange{10, 9}}) {
    const auto gate = make_gate(Family::v4, bad);
    REQUIRE_FALSE(gate.has_value());
    CHECK(gate.error().code == "bad_port_range");
  }
}

TEST_CASE("a socket that does not listen is no live gate") {
  const Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  CHECK_FALSE(gate_alive(fd.get()));
  CHECK_FALSE(gate_alive(-1));
}

TEST_CASE("a connection that was not redirected has no flow") {
  auto gate = make_gate(Family::v4, range);
  REQUIRE(gate.has_value());
  sockaddr_storage storage{};
  socklen_t length = sizeof(storage);
  REQUIRE(::getsockname(gate->listener.get(), reinterpret_cast<sockaddr*>(&storage), &length) == 0);
  const Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::connect(client.get(), reinterpret_cast<sockaddr*>(&storage), length) == 0);
  const Fd accepted(::accept4(gate->listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  REQUIRE(accepted);
  const auto flow = read_flow(accepted.get());
  REQUIRE_FALSE(flow.has_value());
  CHECK(flow.error().code == "no_flow");
}

TEST_CASE("sockets of one network namespace share its cookie") {
  const Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  CHECK(netns_cookie(fd.get()).value() == current_netns_cookie().value());
  CHECK(current_netns_cookie().value() != 0);
  CHECK_FALSE(netns_cookie(-1).has_value());
}
