// Attempts to get around the redirect, or to get hold of what it carries. Each one is first shown to work
// where the protection is missing.
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fstream>

#include <catch2/catch.hpp>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <linux/sock_diag.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "abi.h"
#include "attempt.hpp"
#include "kernel/cgroup.hpp"

using namespace callgate;
using namespace callgate::test;

namespace {

// What an administrator of a network namespace can do: ends every TCP listener on a port of 127.0.0.1.
void kill_listener(std::uint16_t port) {
  const Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  struct {
    nlmsghdr header;
    inet_diag_req_v2 request;
  } message{};
  message.header.nlmsg_len = sizeof(message);
  message.header.nlmsg_type = SOCK_DESTROY;
  message.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  message.request.sdiag_family = AF_INET;
  message.request.sdiag_protocol = IPPROTO_TCP;
  message.request.idiag_states = 1U << 10U;  // TCP_LISTEN
  message.request.id.idiag_sport = htons(port);
  message.request.id.idiag_src[0] = htonl(INADDR_LOOPBACK);
  message.request.id.idiag_cookie[0] = message.request.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  if (::send(fd.get(), &message, sizeof(message), 0) < 0) fail("sock_diag");
  struct {
    nlmsghdr header;
    nlmsgerr error;
    char rest[256];
  } answer{};
  if (::recv(fd.get(), &answer, sizeof(answer), 0) < 0) fail("sock_diag");
  errno = -answer.error.error;
  if (answer.error.error != 0) fail("SOCK_DESTROY");
}

// Takes from a process every system call but getsockopt, send and its end; memory it may still get.
void allow_only_getsockopt() {
  std::array filter{
      sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getsockopt, 6, 0),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sendto, 5, 0),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 4, 0),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_brk, 3, 0),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 2, 0),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_munmap, 1, 0),
      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
    fail("seccomp");
}

}  // namespace

TEST_CASE("a stranger on the gate's port gets nothing while the agent is away") {
  World world;
  kernel::Gate& gate = world.gates(kernel::Family::v4).front();
  const Address squatted = address_of("127.0.0.1:" + std::to_string(gate.port));
  const Address to = world.server_address(false);
  gate.listener.reset();
  require_refused(world, plain_attempt(world.inside(), to), "refused_no_gate", ECONNREFUSED);

  Child squatter([&](int channel) {
    world.beside(nobody).enter();
    const Fd fd = stream_socket(AF_INET);
    bind_to(fd.get(), to_string(squatted));
    if (::listen(fd.get(), 8) != 0) fail("listen");
    send_fd(channel, fd.get());
    static_cast<void>(receive_value<char>(channel));
  });
  const Fd squat = receive_fd(squatter.channel());
  CHECK(plain_attempt(world.inside(), to).error == ECONNREFUSED);
  CHECK(world.count("refused_no_gate") == 2);
  CHECK_FALSE(has_arrival(squat.get()));
  CHECK_FALSE(world.server_has_arrival());

  // With the agent's mark, which the stranger cannot make, it would have had the connection.
  need(Machine::get().programs().mark_gate(squat.get(), {generation, 0}));
  CHECK(plain_attempt(world.inside(), to).error == 0);
  CHECK(next_arrival(squat.get()));
  need(Machine::get().programs().unmark_gate(squat.get()));
  CHECK(plain_attempt(world.inside(), to).error == ECONNREFUSED);
  send_value(squatter.channel(), 'x');
  squatter.wait();
}

TEST_CASE("a gate's mark counts only for its generation and its workload") {
  World world;
  kernel::Gate& gate = world.gates(kernel::Family::v4).front();
  const kernel::Programs& programs = Machine::get().programs();
  const Address to = world.server_address(false);
  for (const kernel::GateMark& other :
       {kernel::GateMark{generation + 1, 0}, {generation, world.config().workload + 1}}) {
    need(programs.mark_gate(gate.listener.get(), other));
    CHECK(plain_attempt(world.inside(), to).error == ECONNREFUSED);
  }
  need(programs.mark_gate(gate.listener.get(), {generation, world.config().workload}));
  static_cast<void>(require_redirected(world, plain_attempt(world.inside(), to), to, false));
}

TEST_CASE("a gate killed from inside the namespace is noticed, refused, and replaced on its own port") {
  World world;
  kernel::Gate& gate = world.gates(kernel::Family::v4).front();
  const Address to = world.server_address(false);
  REQUIRE(kernel::gate_alive(gate.listener.get()));
  static_cast<void>(at(world.beside(), [port = gate.port] {
    kill_listener(port);
    return 0;
  }));
  CHECK_FALSE(kernel::gate_alive(gate.listener.get()));
  // The dead socket keeps its port until it is closed.
  gate.listener.reset();
  require_refused(world, plain_attempt(world.inside(), to), "refused_no_gate", ECONNREFUSED);
  gate = world.make_gate(kernel::Family::v4, {gate.port, gate.port});
  world.mark(gate);
  static_cast<void>(require_redirected(world, plain_attempt(world.inside(), to), to, false));
}

TEST_CASE("of several gates a dead one is passed over") {
  World world({.gates = 3});
  const Address to = world.server_address(false);
  world.gates(kernel::Family::v4)[0].listener.reset();
  world.gates(kernel::Family::v4)[2].listener.reset();
  auto survivor = std::move(world.gates(kernel::Family::v4)[1]);
  world.gates(kernel::Family::v4).clear();
  world.gates(kernel::Family::v4).push_back(std::move(survivor));
  for (int i = 0; i < 8; ++i)
    static_cast<void>(require_redirected(world, plain_attempt(world.inside(), to), to, false));
}

TEST_CASE("a NAT rule inside the workload cannot send a redirected connection out") {
  if (!has_nftables()) {
    not_run("a NAT rule inside the workload cannot send a redirected connection out", "nftables is missing");
    return;
  }
  World world;
  const std::string gate = std::to_string(world.gates(kernel::Family::v4).front().port);
  within(world.netns(), [&] {
    run("nft add table ip test");
    run("nft 'add chain ip test output { type nat hook output priority -100; }'");
    run("nft 'add chain ip test postrouting { type nat hook postrouting priority 100; }'");
    run("nft 'add rule ip test output ip daddr 127.0.0.1 tcp dport " + gate + " dnat to " + server_v4 + ":" +
        std::to_string(world.server(false).port) + "'");
    run("nft 'add rule ip test postrouting oifname eth0 masquerade'");
    std::ofstream("/proc/sys/net/ipv4/conf/all/route_localnet") << "1";
    std::ofstream("/proc/sys/net/ipv4/conf/eth0/route_localnet") << "1";
  });
  const Address to = address_of("198.51.100.9:80");
  world.config().enforce = false;
  world.update();
  CHECK(plain_attempt(world.inside(), to).error == 0);
  CHECK(next_arrival(world.server(false).fd.get()));
  CHECK(world.count("observed_direct_syn") == 1);

  world.config().enforce = true;
  world.update();
  CHECK(plain_attempt(world.inside(), to).error != 0);
  CHECK(world.count("refused_direct_syn") >= 1);
  CHECK_FALSE(world.server_has_arrival());
}

TEST_CASE(
    "an unprivileged process in another cgroup, under seccomp, reads the flow of a socket that it was "
    "given") {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  not_run("an unprivileged process under seccomp reads a flow",
          "a sanitizer needs the system calls that are taken away");
  return;
#endif
  const World world;
  const Address to = world.server_address(false);
  const Attempt attempt = plain_attempt(world.inside(), to);
  REQUIRE(attempt.error == 0);
  const auto arrival = world.at_gate(false);
  REQUIRE(arrival);
  struct Answer {
    bool confined;
    bool found;
    callgate_flow flow;
  };
  Child reader([&](int channel) {
    Place{&Machine::get().outside(), nullptr, nobody}.enter();
    allow_only_getsockopt();
    // By system calls alone: a sanitizer's checks would need more than is left.
    Answer answer{};
    socklen_t size = sizeof(answer.flow);
    answer.confined = ::socket(AF_INET, SOCK_STREAM, 0) < 0 && errno == EPERM;
    answer.found =
        ::getsockopt(arrival->fd.get(), CALLGATE_SOL_FLOW, CALLGATE_SO_FLOW, &answer.flow, &size) == 0;
    send_value(channel, answer);
  });
  const auto answer = receive_value<Answer>(reader.channel());
  reader.wait();
  CHECK(answer.confined);
  CHECK(answer.found);
  CHECK(answer.flow.workload == world.config().workload);
  CHECK(answer.flow.port == to.port);
  CHECK(std::memcmp(answer.flow.destination, to.ip.data(), to.ip.size()) == 0);
}

TEST_CASE(
    "an exempt socket of the agent in the workload's namespace connects directly, with the workload's "
    "address") {
  const World world;
  for (const bool v6 : {false, true}) {
    const Attempt attempt = plain_attempt(world.agent(), world.server_address(v6));
    require_direct(world, attempt, v6);
    CHECK(std::string(attempt.own) == (v6 ? workload_v6 : workload_v4));
  }
  CHECK(world.count("redirected") == 0);
}

TEST_CASE("a socket of the workload is redirected also when the agent's process connects it") {
  const World world;
  const Address to = world.server_address(false);
  Child maker([&](int channel) {
    world.inside().enter();
    send_fd(channel, stream_socket(AF_INET).get());
  });
  const Fd socket = receive_fd(maker.channel());
  maker.wait();
  const Attempt attempt =
      at(world.agent(), [&] { return look(socket.get(), try_connect(socket.get(), to)); });
  REQUIRE(attempt.error == 0);
  const auto arrival = world.at_gate(false);
  REQUIRE(arrival);
  CHECK(need(kernel::read_flow(arrival->fd.get())).destination == to);
  CHECK_FALSE(world.server_has_arrival());
}

TEST_CASE(
    "a gate goes on serving flows when its cgroup is removed, and a new cgroup of that name is another one") {
  World world;
  const std::string path = Machine::get().cgroup_root() + "/short-lived-agent";
  auto agent = std::make_unique<Cgroup>(path);
  const std::uint64_t id = need(kernel::cgroup_id(need(kernel::open_cgroup(path)).get()));
  const kernel::Programs programs = start_programs(Machine::get().pin_dir(), *agent);
  Child helper([&](int channel) {
    Place{agent.get(), &world.netns(), 0}.enter();
    const kernel::Gate gate = need(kernel::make_gate(kernel::Family::v4, {16000, 16010}));
    send_value(channel, gate.port);
    send_fd(channel, gate.listener.get());
  });
  const auto port = receive_value<std::uint16_t>(helper.channel());
  kernel::Gate gate{receive_fd(helper.channel()), port};
  helper.wait();
  world.mark(gate);
  world.gates(kernel::Family::v4).clear();
  world.gates(kernel::Family::v4).push_back(std::move(gate));
  world.config().gate_ports_v4 = {port};
  world.update();

  agent.reset();
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) != 0);
  const Address to = world.server_address(false);
  static_cast<void>(require_redirected(world, plain_attempt(world.inside(), to), to, false));
  // An agent that starts now leaves them alone as long as there are sockets of that cgroup.
  const std::string pins = programs.pin_root() + "/agents/" + std::to_string(id);
  static_cast<void>(start_programs(Machine::get().pin_dir(), Machine::get().agent()));
  static_cast<void>(require_redirected(world, plain_attempt(world.inside(), to), to, false));
  CHECK(::stat(pins.c_str(), &status) == 0);
  world.gates(kernel::Family::v4).clear();
  CHECK(eventually([&] {
    static_cast<void>(start_programs(Machine::get().pin_dir(), Machine::get().agent()));
    return ::stat(pins.c_str(), &status) != 0;
  }));
  const Cgroup again(path);
  CHECK(need(kernel::cgroup_id(need(kernel::open_cgroup(path)).get())) != id);
}
