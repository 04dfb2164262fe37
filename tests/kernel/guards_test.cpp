// The guard on the host's end of the workload's device: what no hook of the workload's cgroup sees does not
// start either.
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>

#include <catch2/catch.hpp>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "attempt.hpp"
#include "kernel/device.hpp"
#include "kernel/heartbeat.hpp"

using namespace callgate;
using namespace callgate::test;

namespace {

std::uint16_t checksum(const std::uint8_t* data, std::size_t size) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < size; i += 2)
    sum += static_cast<std::uint32_t>(data[i] << 8 | (i + 1 < size ? data[i + 1] : 0));
  while (sum >> 16)
    sum = (sum & 0xffff) + (sum >> 16);
  return htons(static_cast<std::uint16_t>(~sum));
}

// An IPv4 packet from the workload to the server, whose payload starts at `fragment_offset` bytes of the
// whole.
std::vector<std::uint8_t> ipv4_packet(std::uint8_t protocol, const std::vector<std::uint8_t>& payload,
                                      std::uint16_t fragment_offset = 0, bool more_fragments = false) {
  std::vector<std::uint8_t> packet(20);
  packet[0] = 0x45;
  const auto length = static_cast<std::uint16_t>(20 + payload.size());
  packet[2] = static_cast<std::uint8_t>(length >> 8);
  packet[3] = static_cast<std::uint8_t>(length);
  const auto fragment = static_cast<std::uint16_t>((fragment_offset / 8) | (more_fragments ? 0x2000 : 0));
  packet[6] = static_cast<std::uint8_t>(fragment >> 8);
  packet[7] = static_cast<std::uint8_t>(fragment);
  packet[8] = 64;
  packet[9] = protocol;
  std::memcpy(&packet[12], address_of(workload_v4).ip.data(), 4);
  std::memcpy(&packet[16], address_of(server_v4).ip.data(), 4);
  const std::uint16_t sum = checksum(packet.data(), 20);
  std::memcpy(&packet[10], &sum, 2);
  packet.insert(packet.end(), payload.begin(), payload.end());
  return packet;
}

std::vector<std::uint8_t> tcp_syn(std::uint16_t port) {
  std::vector<std::uint8_t> pseudo(12 + 20);
  std::memcpy(&pseudo[0], address_of(workload_v4).ip.data(), 4);
  std::memcpy(&pseudo[4], address_of(server_v4).ip.data(), 4);
  pseudo[9] = IPPROTO_TCP;
  pseudo[11] = 20;
  std::uint8_t* tcp = &pseudo[12];
  tcp[0] = 0x30;
  tcp[1] = 0x39;
  tcp[2] = static_cast<std::uint8_t>(port >> 8);
  tcp[3] = static_cast<std::uint8_t>(port);
  tcp[7] = 1;
  tcp[12] = 0x50;
  tcp[13] = 0x02;  // SYN
  tcp[14] = 0x10;
  const std::uint16_t sum = checksum(pseudo.data(), pseudo.size());
  std::memcpy(&tcp[16], &sum, 2);
  return {pseudo.begin() + 12, pseudo.end()};
}

std::vector<std::uint8_t> udp_datagram(std::uint16_t port) {
  return {0x30, 0x39, static_cast<std::uint8_t>(port >> 8), static_cast<std::uint8_t>(port), 0, 8, 0, 0};
}

// Sends a packet by a packet socket on the workload's device.
void send_by_packet_socket(const World& world, const std::vector<std::uint8_t>& packet,
                           bool tagged_twice = false) {
  ifreq request{};
  std::strncpy(request.ifr_name, "host0", IFNAMSIZ - 1);
  const Fd any = stream_socket(AF_INET);
  if (::ioctl(any.get(), SIOCGIFHWADDR, &request) != 0) fail("hardware address of host0");
  const bool sent = at(world.inside(), [&] {
    const Fd fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    if (!fd) fail("packet socket");
    std::vector<std::uint8_t> frame(12);
    std::memset(frame.data(), 0xff, 6);
    std::memcpy(frame.data(), request.ifr_hwaddr.sa_data, 6);
    if (tagged_twice) frame.insert(frame.end(), {0x81, 0, 0, 1, 0x81, 0, 0, 2});
    frame.insert(frame.end(), {0x08, 0x00});
    frame.insert(frame.end(), packet.begin(), packet.end());
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = static_cast<int>(::if_nametoindex("eth0"));
    to.sll_halen = 6;
    return ::sendto(fd.get(), frame.data(), frame.size(), 0, reinterpret_cast<sockaddr*>(&to), sizeof(to)) >
           0;
  });
  if (!sent) throw std::runtime_error("the packet was not sent");
}

// A client that makes its socket outside the workload and connects it inside.
Attempt with_earlier_socket(const World& world, const Address& to) {
  return at({}, [&] {
    Place{&Machine::get().outside(), &world.netns(), 0}.enter();
    const Fd fd = stream_socket(to.v6 ? AF_INET6 : AF_INET);
    world.cgroup().join();
    return look(fd.get(), try_connect(fd.get(), to));
  });
}

Attempt with_received_socket(const World& world, const Address& to) {
  Child maker([&](int channel) {
    world.beside().enter();
    send_fd(channel, stream_socket(to.v6 ? AF_INET6 : AF_INET).get());
  });
  const Fd socket = receive_fd(maker.channel());
  maker.wait();
  return at(world.inside(), [&] { return look(socket.get(), try_connect(socket.get(), to)); });
}

// An agent that is alive: a process that beats until it is ended.
class Beating {
 public:
  explicit Beating(kernel::Heartbeat& heart)
      : process_([&heart](int channel) {
          pollfd end{channel, POLLIN, 0};
          heart.beat();
          send_value(channel, 'x');
          while (::poll(&end, 1, 50) == 0)
            heart.beat();
        }) {
    static_cast<void>(receive_value<char>(process_.channel()));
  }

 private:
  Child process_;
};

using Bypass = std::function<Attempt(const World&, const Address&)>;

void check_bypass(const Bypass& bypass, bool v6) {
  World world;
  const Address to = world.server_address(v6);
  // Unseen by every hook of the cgroup: no counter, no flow. This is what the guard is for.
  require_direct(world, bypass(world, to), v6);
  for (const auto& [name, value] : world.counters()) {
    INFO(name);
    CHECK(value == 0);
  }
  world.guard(false);
  require_direct(world, bypass(world, to), v6);
  CHECK(world.device_count("observed_syn") == 1);

  world.guard();
  CHECK(bypass(world, to).error == ETIMEDOUT);
  CHECK(world.device_count("refused_syn") >= 1);
  CHECK_FALSE(world.server_has_arrival());
  // The agent's own connections, and the workload's redirected ones, are not hindered.
  require_direct(world, plain_attempt(world.agent(), to), v6);
  CHECK(world.device_count("agent_syn") == 1);
  static_cast<void>(require_redirected(world, plain_attempt(world.inside(), to), to, v6));
}

}  // namespace

TEST_CASE("the host's end of a workload's device is found") {
  const World world;
  const auto devices = need(kernel::find_host_devices(world.netns().fd()));
  REQUIRE(devices.size() == 1);
  CHECK(devices.front().name == "host0");
  CHECK(devices.front().index == world.host_device());
  CHECK(devices.front().peer_index == 2);
  const NetworkNamespace unconnected;
  CHECK(need(kernel::find_host_devices(unconnected.fd())).empty());
}

TEST_CASE("a socket made before its process joined the workload is stopped at the device") {
  for (const bool v6 : {false, true})
    check_bypass(with_earlier_socket, v6);
}

TEST_CASE("a socket received from outside the workload is stopped at the device") {
  for (const bool v6 : {false, true})
    check_bypass(with_received_socket, v6);
}

TEST_CASE("a connection from a nested network namespace is stopped at the device") {
  World world;
  within(world.netns(), [] { run("echo 1 > /proc/sys/net/ipv4/ip_forward"); });
  within(world.netns(), [] {
    run("ip link add inner0 type veth peer name inner1 && ip addr add 10.88.0.1/24 dev inner0 && ip link set "
        "inner0 up");
  });
  run("ip route add 10.88.0.0/24 via 10.77.0.2");
  const NetworkNamespace inner;
  within(world.netns(), [&] { run("ip link set inner1 netns " + inner.path()); });
  within(inner, [] {
    run("ip addr add 10.88.0.2/24 dev inner1 && ip link set inner1 up && ip route add default via 10.88.0.1");
  });
  const Place nested{&Machine::get().outside(), &inner, 0};
  require_direct(world, plain_attempt(nested, world.server_address(false)), false);
  world.guard();
  CHECK(plain_attempt(nested, world.server_address(false)).error == ETIMEDOUT);
  CHECK(world.device_count("refused_syn") >= 1);
  CHECK_FALSE(world.server_has_arrival());
}

TEST_CASE("packets of a packet socket that would start a connection are stopped at the device") {
  struct Trick {
    const char* name;
    std::vector<std::uint8_t> packet;
    std::string counter;
    bool tagged_twice = false;
  };
  World world;
  const auto syn = tcp_syn(world.server(false).port);
  const std::vector<std::uint8_t> head(syn.begin(), syn.begin() + 8);
  const std::vector<std::uint8_t> tail(syn.begin() + 8, syn.end());
  const std::vector<Trick> tricks{
      {"a SYN", ipv4_packet(IPPROTO_TCP, syn), "syn"},
      {"a first fragment without flags", ipv4_packet(IPPROTO_TCP, head, 0, true), "fragment"},
      {"a second fragment with the flags", ipv4_packet(IPPROTO_TCP, tail, 8), "fragment"},
      {"a datagram to port 443", ipv4_packet(IPPROTO_UDP, udp_datagram(443)), "udp_443"},
      {"an SCTP packet", ipv4_packet(132, std::vector<std::uint8_t>(16)), "sctp"},
      {"a SYN with two tags", ipv4_packet(IPPROTO_TCP, syn), "opaque", true},
  };
  world.guard(false);
  for (const Trick& trick : tricks) {
    INFO(trick.name);
    const auto before = world.device_count("observed_" + trick.counter);
    send_by_packet_socket(world, trick.packet, trick.tagged_twice);
    CHECK(eventually([&] { return world.device_count("observed_" + trick.counter) == before + 1; }));
  }
  world.guard();
  for (const Trick& trick : tricks) {
    INFO(trick.name);
    const auto before = world.device_count("refused_" + trick.counter);
    send_by_packet_socket(world, trick.packet, trick.tagged_twice);
    CHECK(eventually([&] { return world.device_count("refused_" + trick.counter) == before + 1; }));
  }
}

TEST_CASE("a SYN of a packet socket is answered without the guard, and not with it") {
  World world;
  Fd receiver;
  within(world.netns(), [&] {
    receiver = Fd(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_IP)));
    if (!receiver) fail("packet socket");
  });
  // Whether the server's SYN-ACK is among what came to the workload so far.
  const auto answered = [&] {
    std::array<std::uint8_t, 2048> packet{};
    while (true) {
      const ssize_t size = ::recv(receiver.get(), packet.data(), packet.size(), 0);
      if (size < 0) return false;
      const std::uint16_t port = static_cast<std::uint16_t>(packet[20] << 8 | packet[21]);
      if (size >= 40 && packet[9] == IPPROTO_TCP && port == world.server(false).port && packet[33] == 0x12)
        return true;
    }
  };
  const auto packet = ipv4_packet(IPPROTO_TCP, tcp_syn(world.server(false).port));
  world.guard();
  send_by_packet_socket(world, packet);
  CHECK(eventually([&] { return world.device_count("refused_syn") == 1; }));
  CHECK_FALSE(answered());
  world.guard(false);
  send_by_packet_socket(world, packet);
  CHECK(eventually(answered));
}

TEST_CASE("what does not start a connection passes the guard") {
  World world;
  world.guard();
  // A connection to the workload: its answers are the workload's packets.
  Child server([&](int channel) {
    world.inside().enter();
    const Fd fd = stream_socket(AF_INET);
    bind_to(fd.get(), "10.77.0.2:8080");
    if (::listen(fd.get(), 8) != 0) fail("listen");
    send_value(channel, 'x');
    const Fd accepted(::accept(fd.get(), nullptr, nullptr));
    send_value(channel, ::send(accepted.get(), "hello", 5, 0) == 5);
  });
  static_cast<void>(receive_value<char>(server.channel()));
  const Fd client = stream_socket(AF_INET);
  REQUIRE(try_connect(client.get(), address_of("10.77.0.2:8080")) == 0);
  char text[5]{};
  CHECK(::recv(client.get(), text, sizeof(text), MSG_WAITALL) == 5);
  CHECK(receive_value<bool>(server.channel()));
  server.wait();
  for (const char* counter : {"refused_syn", "refused_fragment", "refused_udp_443", "refused_opaque"})
    CHECK(world.device_count(counter) == 0);
}

TEST_CASE("with open on agent loss hook and guards refuse until the heartbeat is stale, and pass then") {
  WorldOptions options;
  options.config.open_on_loss = true;
  options.config.heartbeat_slot = 3;
  World world(std::move(options));
  world.guard(true, true);
  auto heart = need(kernel::Heartbeat::map(Machine::get().programs().heartbeat_map(), 3));
  const Address to = world.server_address(false);

  {
    const Beating agent(heart);
    static_cast<void>(require_redirected(world, plain_attempt(world.inside(), to), to, false));
  }
  // No gate, but a living agent: one that is being replaced, or whose gate somebody killed.
  world.gates(kernel::Family::v4).front().listener.reset();
  auto agent = std::make_unique<Beating>(heart);
  CHECK(plain_attempt(world.inside(), to).error == ECONNREFUSED);
  static_cast<void>(at(world.beside(), [to] {
    const Fd fd = stream_socket(AF_INET, SOCK_NONBLOCK);
    return try_connect(fd.get(),
                       to);  // its SYN is sent before this returns, and no second one after it is closed
  }));
  CHECK(eventually([&] { return world.device_count("refused_syn") == 1; }));
  CHECK_FALSE(world.server_has_arrival());

  agent.reset();
  heart.stop();
  const Attempt attempt = plain_attempt(world.inside(), to);
  require_direct(world, attempt, false);
  CHECK(std::string(attempt.peer) == to_string(to));
  CHECK(world.count("open_no_gate") == 1);
  CHECK(world.count("open_direct_syn") == 1);
  CHECK(world.device_count("open_syn") == 1);

  const Beating restarted(heart);
  CHECK(plain_attempt(world.inside(), to).error == ECONNREFUSED);
}

TEST_CASE("a heartbeat becomes stale by itself") {
  WorldOptions options;
  options.config.open_on_loss = true;
  options.config.heartbeat_slot = 4;
  World world(std::move(options));
  auto heart = need(kernel::Heartbeat::map(Machine::get().programs().heartbeat_map(), 4));
  heart.beat();
  world.gates(kernel::Family::v4).front().listener.reset();
  const auto started = std::chrono::steady_clock::now();
  CHECK(eventually([&] { return plain_attempt(world.inside(), world.server_address(false)).error == 0; }));
  CHECK(std::chrono::steady_clock::now() - started > std::chrono::milliseconds(900));
}

TEST_CASE("without open on agent loss a stale heartbeat changes nothing") {
  World world;
  auto heart =
      need(kernel::Heartbeat::map(Machine::get().programs().heartbeat_map(), world.config().heartbeat_slot));
  heart.stop();
  world.gates(kernel::Family::v4).front().listener.reset();
  require_refused(world, plain_attempt(world.inside(), world.server_address(false)), "refused_no_gate",
                  ECONNREFUSED);
}

TEST_CASE("in observe mode a workload without a gate connects directly and is counted") {
  World world;
  world.config().enforce = false;
  world.update();
  const Address to = world.server_address(false);
  static_cast<void>(require_redirected(world, plain_attempt(world.inside(), to), to, false));
  world.gates(kernel::Family::v4).front().listener.reset();
  require_direct(world, plain_attempt(world.inside(), to), false);
  CHECK(world.count("observed_no_gate") == 1);
  CHECK(world.count("observed_direct_syn") == 1);
}

TEST_CASE("guards are listed, attached again after a restart, and forgotten with their device") {
  World world;
  world.guard();
  const auto guards = world.guards();
  auto listed = need(guards.list());
  REQUIRE(listed.size() == 1);
  CHECK(listed.front().attached);
  CHECK(listed.front().config.workload == world.config().workload);

  run("tc qdisc del dev host0 clsact");
  CHECK_FALSE(need(guards.list()).front().attached);
  require_direct(world, with_earlier_socket(world, world.server_address(false)), false);
  need(guards.reattach());
  CHECK(need(guards.list()).front().attached);
  CHECK(with_earlier_socket(world, world.server_address(false)).error == ETIMEDOUT);

  run("ip link del host0");
  CHECK_FALSE(need(guards.list()).front().attached);
  need(guards.reattach());
  CHECK(need(guards.list()).empty());
}
