// Every way to connect that reaches the hook: redirected with the right destination, process and workload,
// and a peer name that shows where the client wanted to go.
#include <cerrno>
#include <cstring>

#include <catch2/catch.hpp>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "attempt.hpp"
#include "io_uring.hpp"

using namespace callgate;
using namespace callgate::test;

namespace {

// A socket prepared by `prepare`, then connected.
std::function<Attempt()> prepared(const Address& to, const std::function<void(int)>& prepare) {
  return [to, prepare] {
    const Fd fd = stream_socket(to.v6 ? AF_INET6 : AF_INET);
    prepare(fd.get());
    const int error = try_connect(fd.get(), to);
    return look(fd.get(), error);
  };
}

void bind_to_eth0(int fd) {
  if (::setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "eth0", 4) != 0) fail("SO_BINDTODEVICE");
}

Attempt send_fast_open(const Address& to) {
  const Fd fd = stream_socket(to.v6 ? AF_INET6 : AF_INET);
  sockaddr_storage storage{};
  const socklen_t length = to_sockaddr(to, storage);
  const ssize_t sent =
      ::sendto(fd.get(), "early", 5, MSG_FASTOPEN, reinterpret_cast<sockaddr*>(&storage), length);
  return look(fd.get(), sent < 0 ? errno : 0);
}

}  // namespace

TEST_CASE("a plain connect is redirected") {
  const World world;
  for (const bool v6 : {false, true})
    require_redirects(world, world.server_address(v6), prepared(world.server_address(v6), [](int) {}));
}

TEST_CASE("without enrolment the same connect is direct") {
  const World world({.enrol = false});
  for (const bool v6 : {false, true})
    require_direct(world, plain_attempt(world.inside(), world.server_address(v6)), v6);
}

TEST_CASE("a destination that nobody has is redirected all the same") {
  const World world;
  for (const char* far : {"198.51.100.7:443", "[2001:db8::7]:8080"}) {
    const Address to = address_of(far);
    require_redirects(world, to, prepared(to, [](int) {}));
  }
}

TEST_CASE("getsockname of a redirected socket shows an address of the workload") {
  const World world;
  CHECK(std::string(plain_attempt(world.inside(), world.server_address(false)).own) == workload_v4);
  CHECK(std::string(plain_attempt(world.inside(), world.server_address(true)).own) == workload_v6);
}

TEST_CASE("a connect after bind is redirected") {
  const World world;
  const Address v4 = world.server_address(false);
  const Address v6 = world.server_address(true);
  for (const char* source : {"0.0.0.0:0", "0.0.0.0:20001", "10.77.0.2:0", "10.77.0.2:20002"})
    require_redirects(world, v4, prepared(v4, [source](int fd) { bind_to(fd, source); }));
  for (const char* source : {"[::]:0", "[::]:20003", "[fd77::2]:0", "[fd77::2]:20004"})
    require_redirects(world, v6, prepared(v6, [source](int fd) { bind_to(fd, source); }));
}

TEST_CASE("a non-blocking connect is redirected") {
  const World world;
  for (const bool v6 : {false, true}) {
    const Address to = world.server_address(v6);
    require_redirects(world, to, [to] {
      const Fd fd = stream_socket(to.v6 ? AF_INET6 : AF_INET);
      const int error = try_connect_non_blocking(fd.get(), to);
      return look(fd.get(), error);
    });
  }
}

TEST_CASE("a connect with socket options that steer routes is redirected") {
  const World world;
  const Address v4 = world.server_address(false);
  const Address v6 = world.server_address(true);
  require_redirects(world, v4, prepared(v4, [](int fd) { set_option(fd, SOL_SOCKET, SO_MARK, 7); }));
  require_redirects(world, v4, prepared(v4, [](int fd) {
                      set_option(fd, IPPROTO_IP, IP_UNICAST_IF, static_cast<int>(htonl(2)));
                    }));
  require_redirects(world, v4, prepared(v4, [](int fd) { set_option(fd, SOL_SOCKET, SO_DONTROUTE, 1); }));
  require_redirects(world, v4, prepared(v4, [](int fd) { set_option(fd, IPPROTO_IP, IP_TTL, 1); }));
  require_redirects(world, v6, prepared(v6, [](int fd) { set_option(fd, SOL_SOCKET, SO_MARK, 7); }));
  require_redirects(world, v6,
                    prepared(v6, [](int fd) { set_option(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 1); }));
}

TEST_CASE("a link-local destination is redirected with its interface") {
  const World world;
  Address to = address_of("[fe80::1234]:8080");
  to.scope = 2;  // eth0, the only device besides lo
  const Attempt attempt = at(world.inside(), prepared(to, [](int) {}));
  REQUIRE(attempt.error == 0);
  const auto arrival = world.at_gate(true);
  REQUIRE(arrival);
  const kernel::Flow flow = need(kernel::read_flow(arrival->fd.get()));
  CHECK(to_string(flow.destination) == to_string(to));
  CHECK(flow.destination.scope == to.scope);
}

TEST_CASE("an IPv4 destination of an IPv6 socket is redirected to the IPv4 gate") {
  const World world;
  const Address to = world.server_address(false);
  const Attempt attempt = at(world.inside(), [to] {
    const Fd fd = stream_socket(AF_INET6);
    const int error = try_connect(fd.get(), to, true);
    return look(fd.get(), error);
  });
  static_cast<void>(require_redirected(world, attempt, to, false));
  CHECK(std::string(attempt.own) == workload_v4);
}

TEST_CASE("MSG_FASTOPEN and TCP_FASTOPEN_CONNECT are redirected") {
  const World world({.fast_open = "1539"});
  for (const bool v6 : {false, true}) {
    const Address to = world.server_address(v6);
    for (int round = 0; round < 3; ++round) {
      require_redirects(world, to, [to] { return send_fast_open(to); });
      require_redirects(world, to, [to] {
        const Fd fd = stream_socket(to.v6 ? AF_INET6 : AF_INET);
        set_option(fd.get(), IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1);
        int error = try_connect(fd.get(), to);
        if (error == 0 && ::send(fd.get(), "early", 5, MSG_NOSIGNAL) < 0) error = errno;
        return look(fd.get(), error);
      });
    }
  }
}

TEST_CASE("connects of io_uring are redirected") {
  const World world;
  for (const bool polled : {false, true}) {
    const bool available = at(world.beside(), [polled] { return IoUring::available(polled); });
    if (!available) {
      not_run(std::string("connects of io_uring are redirected") + (polled ? " (SQPOLL)" : ""),
              "io_uring_setup fails");
      continue;
    }
    for (const bool v6 : {false, true}) {
      const Address to = world.server_address(v6);
      require_redirects(world, to, [to, polled] {
        const Fd fd = stream_socket(to.v6 ? AF_INET6 : AF_INET);
        IoUring ring(polled);
        sockaddr_storage storage{};
        const socklen_t length = to_sockaddr(to, storage);
        const int error = ring.connect(fd.get(), reinterpret_cast<sockaddr*>(&storage), length);
        return look(fd.get(), error);
      });
    }
  }
}

TEST_CASE("a socket that is connected again carries its new destination, never the old one") {
  const World world;
  const Address first = address_of("198.51.100.1:1001");
  const Address second = address_of("198.51.100.2:1002");
  const Address loopback =
      address_of("127.0.0.1:" + std::to_string(world.gates(kernel::Family::v4).front().port));
  const auto reconnect = [first](const Address& to) {
    return [first, to] {
      const Fd fd = stream_socket(AF_INET);
      if (const int error = try_connect(fd.get(), first); error != 0) return look(fd.get(), error);
      sockaddr none{};
      none.sa_family = AF_UNSPEC;
      if (::connect(fd.get(), &none, sizeof(none)) != 0) fail("disconnect");
      const int error = try_connect(fd.get(), to);
      return look(fd.get(), error);
    };
  };
  SECTION("another destination") {
    const Attempt attempt = at(world.inside(), reconnect(second));
    REQUIRE(attempt.error == 0);
    const auto older = world.at_gate(false);
    REQUIRE(older);
    static_cast<void>(require_redirected(world, attempt, second, false));
  }
  SECTION("the gate itself: dialled directly, so without a flow") {
    const Attempt attempt = at(world.inside(), reconnect(loopback));
    REQUIRE(attempt.error == 0);
    CHECK(std::string(attempt.peer) == to_string(loopback));
    const auto older = world.at_gate(false);
    REQUIRE(older);
    const auto direct = world.at_gate(false);
    REQUIRE(direct);
    const auto flow = kernel::read_flow(direct->fd.get());
    REQUIRE_FALSE(flow.has_value());
    CHECK(flow.error().code == "no_flow");
  }
}

TEST_CASE("loopback destinations stay inside the workload") {
  const World world;
  for (const char* listen_at : {"127.0.0.1:0", "[::1]:0"}) {
    const Attempt attempt = at(world.inside(), [listen_at] {
      const Address at_address = address_of(listen_at);
      const Fd server = stream_socket(at_address.v6 ? AF_INET6 : AF_INET);
      bind_to(server.get(), listen_at);
      if (::listen(server.get(), 8) != 0) fail("listen");
      sockaddr_storage storage{};
      socklen_t length = sizeof(storage);
      ::getsockname(server.get(), reinterpret_cast<sockaddr*>(&storage), &length);
      const Address there = from_sockaddr(storage).value();
      Attempt last;
      const auto dial = [&](const char* ip, bool mapped) {
        Address to = address_of(ip);
        to.port = there.port;
        const Fd fd = stream_socket(to.v6 || mapped ? AF_INET6 : AF_INET);
        last = look(fd.get(), try_connect(fd.get(), to, mapped));
        if (last.error == 0 && ::accept(server.get(), nullptr, nullptr) < 0) fail("accept");
      };
      if (there.v6) {
        dial("::1", false);
        if (last.error == 0) dial("::", false);
      } else {
        dial("127.0.0.1", false);
        if (last.error == 0) dial("0.0.0.0", false);
        if (last.error == 0) dial("127.0.0.1", true);
        if (last.error == 0) dial("0.0.0.0", true);
      }
      return last;
    });
    CHECK(attempt.error == 0);
  }
  CHECK(world.count("loopback") == 6);
  CHECK(world.count("redirected") == 0);
}

TEST_CASE("a socket bound to a device is redirected") {
  const World world;
  for (const bool v6 : {false, true})
    require_redirects(world, world.server_address(v6), prepared(world.server_address(v6), bind_to_eth0));
}

TEST_CASE("a socket bound to a device by somebody who may not unbind it is refused") {
  for (const bool v6 : {false, true}) {
    const World world;
    const Attempt attempt = at(world.inside(nobody), prepared(world.server_address(v6), bind_to_eth0));
    require_refused(world, attempt, "refused_device", ECONNREFUSED);
  }
}

TEST_CASE("a foreign source address of IP_TRANSPARENT gets nowhere") {
  const World world;
  const Attempt attempt = at(world.inside(), [to = world.server_address(false)] {
    const Fd fd = stream_socket(AF_INET);
    set_option(fd.get(), IPPROTO_IP, IP_TRANSPARENT, 1);
    bind_to(fd.get(), "203.0.113.5:0");
    return look(fd.get(), try_connect(fd.get(), to));
  });
  CHECK(attempt.error == ETIMEDOUT);
  CHECK_FALSE(world.gate_has_arrival());
  CHECK_FALSE(world.server_has_arrival());
}
