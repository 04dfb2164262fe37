// What cannot be redirected is refused, and only that; in observe mode it is counted and passes.
#include <array>
#include <cerrno>
#include <cstring>

#include <bpf/bpf.h>
#include <catch2/catch.hpp>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "attempt.hpp"

using namespace callgate;
using namespace callgate::test;

namespace {

constexpr int mptcp = 262;
constexpr int sctp = 132;

// 0, or errno of socket().
int open_socket(const Place& place, int family, int type, int protocol) {
  return at(place, [=] {
    const Fd fd(::socket(family, type | SOCK_CLOEXEC, protocol));
    return fd ? 0 : errno;
  });
}

// The errno of sending one datagram in `how`; 0 if it was sent.
enum class Send { connected, to, mapped };
int send_datagram(const Place& place, Send how, Address to) {
  return at(place, [=] {
    const bool mapped = how == Send::mapped;
    const Fd fd(::socket(to.v6 || mapped ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_storage storage{};
    socklen_t length = to_sockaddr(to, storage);
    if (mapped) {
      sockaddr_in6 address{};
      address.sin6_family = AF_INET6;
      address.sin6_port = htons(to.port);
      address.sin6_addr.s6_addr[10] = address.sin6_addr.s6_addr[11] = 0xff;
      std::memcpy(&address.sin6_addr.s6_addr[12], to.ip.data(), 4);
      std::memcpy(&storage, &address, sizeof(address));
      length = sizeof(address);
    }
    auto* raw = reinterpret_cast<sockaddr*>(&storage);
    if (how == Send::connected) {
      if (::connect(fd.get(), raw, length) != 0) return errno;
      return ::send(fd.get(), "x", 1, 0) == 1 ? 0 : errno;
    }
    return ::sendto(fd.get(), "x", 1, 0, raw, length) == 1 ? 0 : errno;
  });
}

Address port_of_server(bool v6, std::uint16_t port) {
  Address address = address_of(v6 ? server_v6 : server_v4);
  address.port = port;
  return address;
}

// Sockets of a workload that is not enrolled can be made: so a refusal below is ours.
struct Kind {
  const char* name;
  int type;
  int protocol;
  int error;
};
const Kind kinds[] = {{"mptcp", SOCK_STREAM, mptcp, EPROTONOSUPPORT},
                      {"sctp", SOCK_STREAM, sctp, EPROTONOSUPPORT},
                      {"raw", SOCK_RAW, IPPROTO_TCP, EPERM}};

}  // namespace

TEST_CASE("MPTCP, SCTP and raw sockets are refused where the workload's configuration says so") {
  for (const Kind& kind : kinds) {
    World world;
    if (const int error = open_socket(world.beside(), AF_INET, kind.type, kind.protocol); error != 0) {
      not_run(std::string(kind.name) + " sockets are refused", std::strerror(error));
      continue;
    }
    for (const int family : {AF_INET, AF_INET6})
      CHECK(std::string(std::strerror(open_socket(world.inside(), family, kind.type, kind.protocol))) ==
            std::strerror(kind.error));
    CHECK(world.count(std::string("refused_") + kind.name) == 2);

    world.config().enforce = false;
    world.update();
    CHECK(open_socket(world.inside(), AF_INET, kind.type, kind.protocol) == 0);
    CHECK(world.count(std::string("observed_") + kind.name) == 1);

    world.config().enforce = true;
    world.config().refuse_mptcp = world.config().refuse_sctp = world.config().refuse_raw = false;
    world.update();
    CHECK(open_socket(world.inside(), AF_INET, kind.type, kind.protocol) == 0);
    CHECK(world.count(std::string("refused_") + kind.name) == 2);
  }
}

TEST_CASE("an MPTCP connection that is only observed is redirected through its subflow") {
  World world;
  if (open_socket(world.beside(), AF_INET, SOCK_STREAM, mptcp) != 0) {
    not_run("an observed MPTCP connection is redirected", "no MPTCP sockets");
    return;
  }
  world.config().enforce = false;
  world.update();
  const Address to = world.server_address(false);
  const Attempt attempt = at(world.inside(), [to] {
    const Fd fd = stream_socket(AF_INET, 0, mptcp);
    return look(fd.get(), try_connect(fd.get(), to));
  });
  REQUIRE(attempt.error == 0);
  const auto arrival = world.at_gate(false);
  REQUIRE(arrival);
  CHECK(need(kernel::read_flow(arrival->fd.get())).destination == to);
  CHECK_FALSE(world.server_has_arrival());
}

TEST_CASE("datagrams to port 443 are refused in every way of sending, others pass") {
  World world;
  const Address quic_v4 = port_of_server(false, 443);
  const Address quic_v6 = port_of_server(true, 443);
  for (const Send how : {Send::connected, Send::to, Send::mapped})
    CHECK(send_datagram(world.inside(), how, quic_v4) == ECONNREFUSED);
  for (const Send how : {Send::connected, Send::to})
    CHECK(send_datagram(world.inside(), how, quic_v6) == ECONNREFUSED);
  CHECK(world.count("refused_udp_443") == 5);

  for (const Send how : {Send::connected, Send::to, Send::mapped})
    CHECK(send_datagram(world.inside(), how, port_of_server(false, 53)) == 0);
  for (const Send how : {Send::connected, Send::to})
    CHECK(send_datagram(world.inside(), how, port_of_server(true, 53)) == 0);
  CHECK(send_datagram(world.inside(), Send::to, address_of("127.0.0.1:443")) == 0);
  CHECK(send_datagram(world.inside(), Send::to, address_of("[::1]:443")) == 0);
  // The same datagram from beside the workload is sent: it is our programs that refuse it.
  CHECK(send_datagram(world.beside(), Send::to, quic_v4) == 0);
  CHECK(world.count("refused_udp_443") == 5);

  world.config().enforce = false;
  world.update();
  CHECK(send_datagram(world.inside(), Send::to, quic_v4) == 0);
  // Counted at sendmsg, and again as the packet leaves.
  CHECK(world.count("observed_udp_443") == 2);
  CHECK(world.count("refused_udp_443") == 5);
}

TEST_CASE("a UDP socket connected before enrolment cannot reach port 443 afterwards") {
  World world({.enrol = false});
  const Fd receiver(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  bind_to(receiver.get(), "10.77.0.1:443");
  Child client([&](int channel) {
    world.inside().enter();
    const Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_storage storage{};
    const socklen_t length = to_sockaddr(port_of_server(false, 443), storage);
    if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&storage), length) != 0) fail("connect");
    for (int i = 0; i < 2; ++i) {
      send_value(channel, ::send(fd.get(), "x", 1, 0) == 1 ? 0 : errno);
      static_cast<void>(receive_value<char>(channel));
    }
  });
  CHECK(receive_value<int>(client.channel()) == 0);
  world.enrol();
  send_value(client.channel(), 'x');
  CHECK(receive_value<int>(client.channel()) == EPERM);
  CHECK(world.count("refused_udp_443") == 1);
  send_value(client.channel(), 'x');
  client.wait();
}

TEST_CASE("a connect in a nested network namespace is refused") {
  World world;
  const auto nested = [&world] {
    return at(world.inside(), [to = world.server_address(false)] {
      const NetworkNamespace inner;
      inner.enter();
      const Fd fd = stream_socket(AF_INET);
      return look(fd.get(), try_connect(fd.get(), to));
    });
  };
  require_refused(world, nested(), "refused_netns", ECONNREFUSED);
  world.config().enforce = false;
  world.update();
  // Passed on to the nested namespace, which has no route.
  CHECK(nested().error == ENETUNREACH);
  CHECK(world.count("observed_netns") == 1);
}

TEST_CASE("a workload without a configuration is refused everything") {
  World world;
  const std::string map_path = Machine::get().programs().pin_root() + "/maps/workload_configs";
  const Fd map(::bpf_obj_get(map_path.c_str()));
  const std::uint64_t key = world.cgroup_id();
  const std::array<std::uint8_t, 128> nothing{};
  REQUIRE(::bpf_map_update_elem(map.get(), &key, nothing.data(), BPF_EXIST) == 0);
  for (const bool v6 : {false, true})
    CHECK(plain_attempt(world.inside(), world.server_address(v6)).error == ECONNREFUSED);
  CHECK(send_datagram(world.inside(), Send::to, port_of_server(false, 53)) == ECONNREFUSED);
  CHECK(world.count("refused_not_ready") == 3);
  CHECK_FALSE(world.server_has_arrival());
  CHECK_FALSE(world.gate_has_arrival());
  world.update();
  static_cast<void>(require_redirected(world, plain_attempt(world.inside(), world.server_address(false)),
                                       world.server_address(false), false));
}

TEST_CASE("a workload without gates for an address family is refused there") {
  World world;
  world.config().gate_ports_v6.clear();
  world.update();
  require_refused(world, plain_attempt(world.inside(), world.server_address(true)), "refused_no_gate",
                  ECONNREFUSED);
}
