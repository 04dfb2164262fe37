// Flows: each accepted connection has its own, whatever happens around it, and none is left behind.
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <thread>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "attempt.hpp"

using namespace callgate;
using namespace callgate::test;

namespace {

constexpr int default_connections = 100'000;
constexpr int clients = 4;

int wanted_connections() {
  const char* text = std::getenv("CALLGATE_KERNEL_TEST_CONNECTIONS");
  return text != nullptr ? std::atoi(text) : default_connections;
}

void reset_on_close(int fd) {
  const linger now{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

// Where connection number `i` goes: the client says the same in its first bytes.
Address numbered_destination(int i, bool v6) {
  Address to = address_of(v6 ? "[2001:db8::1:0]:1" : "198.18.0.0:1");
  to.port = static_cast<std::uint16_t>(1 + i % 60000);
  to.ip[v6 ? 15 : 3] = static_cast<std::uint8_t>(i % 251);
  to.ip[v6 ? 14 : 2] = static_cast<std::uint8_t>(i / 251 % 251);
  return to;
}

// One short connection: sends its destination, waits until the gate has read it.
int short_connection(int i) {
  const int way = i % 5;
  const bool v6 = way == 1;
  const Address to = numbered_destination(i, v6);
  const Fd fd = stream_socket(v6 || way == 2 ? AF_INET6 : AF_INET);
  if (way == 4) {
    sockaddr_storage storage{};
    const socklen_t length = to_sockaddr(to, storage);
    if (::sendto(fd.get(), &to, sizeof(to), MSG_FASTOPEN | MSG_NOSIGNAL,
                 reinterpret_cast<sockaddr*>(&storage), length) < 0)
      return errno;
  } else {
    const int error = way == 3 ? try_connect_non_blocking(fd.get(), to) : try_connect(fd.get(), to, way == 2);
    if (error != 0) return error;
    if (::send(fd.get(), &to, sizeof(to), MSG_NOSIGNAL) != static_cast<ssize_t>(sizeof(to))) return errno;
  }
  pollfd event{fd.get(), POLLIN, 0};
  return ::poll(&event, 1, 30000) == 1 ? 0 : ETIMEDOUT;
}

struct Tally {
  std::atomic<int> right = 0;
  std::atomic<int> unattributed = 0;
  std::atomic<int> wrong = 0;
};

void take(int fd, Tally& tally) {
  Address said;
  if (::recv(fd, &said, sizeof(said), MSG_WAITALL) != static_cast<ssize_t>(sizeof(said))) {
    ++tally.unattributed;
    return;
  }
  const auto flow = kernel::read_flow(fd);
  if (!flow)
    ++tally.unattributed;
  else if (flow->destination == said)
    ++tally.right;
  else
    ++tally.wrong;
}

void serve(const std::vector<int>& gates, const std::atomic<bool>& done, Tally& tally) {
  std::vector<pollfd> events;
  for (const int gate : gates)
    events.push_back({gate, POLLIN, 0});
  while (!done) {
    ::poll(events.data(), events.size(), 50);
    for (const int gate : gates) {
      for (Fd fd(::accept4(gate, nullptr, nullptr, SOCK_CLOEXEC)); fd;
           fd = Fd(::accept4(gate, nullptr, nullptr, SOCK_CLOEXEC))) {
        take(fd.get(), tally);
        reset_on_close(fd.get());
      }
    }
  }
}

void connect_many(const World& world) {
  const int wanted = wanted_connections();
  std::vector<std::unique_ptr<Child>> processes;
  for (int client = 0; client < clients; ++client)
    processes.push_back(std::make_unique<Child>([&, client](int channel) {
      world.inside().enter();
      static_cast<void>(receive_value<char>(channel));
      int failed = 0;
      for (int i = client; i < wanted; i += clients) {
        if (const int error = short_connection(i); error != 0 && failed++ < 3)
          std::fprintf(stderr, "connection %d: %s\n", i, std::strerror(error));
      }
      send_value(channel, failed);
    }));
  // Threads come after the forks.
  Tally tally;
  std::atomic<bool> done = false;
  std::vector<std::thread> acceptors;
  for (std::size_t i = 0; i < 2; ++i)
    acceptors.emplace_back([&, i] {
      serve({world.gates(kernel::Family::v4).at(i).listener.get(),
             world.gates(kernel::Family::v6).at(i).listener.get()},
            done, tally);
    });
  int failed = 0;
  for (auto& process : processes)
    send_value(process->channel(), 'x');
  for (auto& process : processes) {
    failed += receive_value<int>(process->channel());
    process->wait();
  }
  done = true;
  for (auto& acceptor : acceptors)
    acceptor.join();
  CHECK(failed == 0);
  CHECK(tally.unattributed == 0);
  CHECK(tally.wrong == 0);
  CHECK(tally.right == wanted);
  const auto counters = world.counters();
  CHECK(counters.at("redirected") == static_cast<std::uint64_t>(wanted));
  CHECK(counters.at("published") == static_cast<std::uint64_t>(wanted));
  const auto pending = need(world.workloads().pending(world.config().workload));
  CHECK(pending.entries == 0);
  CHECK(pending.counted == 0);
}

// Drops what would complete the handshake at the gate: the client is connected, the gate knows nothing.
void drop_acks_to_gate(const World& world) {
  within(world.netns(), [&world] {
    run("nft add table ip test && nft 'add chain ip test input { type filter hook input priority 0; }' && "
        "nft "
        "'add rule ip test input tcp dport " +
        std::to_string(world.gates(kernel::Family::v4).front().port) + " tcp flags & (syn|ack) == ack drop'");
  });
}

}  // namespace

TEST_CASE("many short connections of concurrent clients are all attributed, and none wrongly") {
  const World world({.gates = 2});
  connect_many(world);
}

TEST_CASE(
    "with Fast Open forced on by the workload's sysctl all connections are attributed, and none wrongly") {
  const World world({.gates = 2, .fast_open = "1539"});
  // Without our care a listener of this namespace has Fast Open.
  const int forced = at(world.beside(), [] {
    const Fd fd = stream_socket(AF_INET);
    bind_to(fd.get(), "127.0.0.1:0");
    if (::listen(fd.get(), 16) != 0) fail("listen");
    int queue = 0;
    socklen_t size = sizeof(queue);
    ::getsockopt(fd.get(), IPPROTO_TCP, TCP_FASTOPEN, &queue, &size);
    return queue;
  });
  CHECK(forced > 0);
  int queue = -1;
  socklen_t size = sizeof(queue);
  REQUIRE(::getsockopt(world.gates(kernel::Family::v4).front().listener.get(), IPPROTO_TCP, TCP_FASTOPEN,
                       &queue, &size) == 0);
  CHECK(queue == 0);
  connect_many(world);
}

TEST_CASE("a connection that dials the gate directly has no flow") {
  const World world;
  for (const bool v6 : {false, true}) {
    Address gate = address_of(v6 ? "::1" : "127.0.0.1");
    gate.port = world.gates(v6 ? kernel::Family::v6 : kernel::Family::v4).front().port;
    for (const Place& place : {world.inside(), world.beside()}) {
      const auto unmatched = need(Machine::get().programs().gate_counters()).at("unmatched");
      const Attempt attempt = plain_attempt(place, gate);
      REQUIRE(attempt.error == 0);
      const auto arrival = world.at_gate(v6);
      REQUIRE(arrival);
      const auto flow = kernel::read_flow(arrival->fd.get());
      REQUIRE_FALSE(flow.has_value());
      CHECK(flow.error().code == "no_flow");
      CHECK(need(Machine::get().programs().gate_counters()).at("unmatched") == unmatched + 1);
    }
  }
}

TEST_CASE("a socket that is no connection at a gate has no flow") {
  const Fd fd = stream_socket(AF_INET);
  const auto flow = kernel::read_flow(fd.get());
  REQUIRE_FALSE(flow.has_value());
  CHECK(flow.error().code == "no_flow");
}

TEST_CASE("a flow that no gate accepted ends with its socket") {
  const World world;
  if (!has_nftables()) {
    not_run("a flow that no gate accepted ends with its socket", "nftables is missing");
    return;
  }
  drop_acks_to_gate(world);
  constexpr int sockets = 200;
  Child client([&](int channel) {
    world.inside().enter();
    std::vector<Fd> open;
    int connected = 0;
    for (int i = 0; i < sockets; ++i) {
      open.push_back(stream_socket(AF_INET));
      reset_on_close(open.back().get());
      connected += try_connect(open.back().get(), world.server_address(false)) == 0;
    }
    send_value(channel, connected);
    static_cast<void>(receive_value<char>(channel));
    open.clear();
  });
  CHECK(receive_value<int>(client.channel()) == sockets);
  const auto open = need(world.workloads().pending(world.config().workload));
  CHECK(open.entries == sockets);
  CHECK(open.counted == sockets);
  send_value(client.channel(), 'x');
  client.wait();
  const auto closed = need(world.workloads().pending(world.config().workload));
  CHECK(closed.entries == 0);
  CHECK(closed.counted == 0);
  CHECK(world.count("removed_unaccepted") == sockets);
}

TEST_CASE("a workload cannot have more pending flows than its limit") {
  if (!has_nftables()) {
    not_run("a workload cannot have more pending flows than its limit", "nftables is missing");
    return;
  }
  WorldOptions options;
  options.config.pending_limit = 8;
  World world(std::move(options));
  World other;
  drop_acks_to_gate(world);
  Child client([&](int channel) {
    world.inside().enter();
    std::vector<Fd> open;
    int errors[10]{};
    for (int& error : errors) {
      open.push_back(stream_socket(AF_INET));
      reset_on_close(open.back().get());
      error = try_connect(open.back().get(), world.server_address(false));
    }
    send_value(channel, errors);
    static_cast<void>(receive_value<char>(channel));
  });
  struct Errors {
    int of[10];
  };
  const auto errors = receive_value<Errors>(client.channel());
  for (int i = 0; i < 8; ++i)
    CHECK(errors.of[i] == 0);
  for (int i = 8; i < 10; ++i)
    CHECK(errors.of[i] == ECONNREFUSED);
  CHECK(world.count("refused_pending") == 2);
  CHECK_FALSE(world.server_has_arrival());
  // The others' limits are their own.
  static_cast<void>(require_redirected(other, plain_attempt(other.inside(), other.server_address(false)),
                                       other.server_address(false), false));
  send_value(client.channel(), 'x');
  client.wait();
  CHECK(need(world.workloads().pending(world.config().workload)).counted == 0);
}

TEST_CASE(
    "connections queued at a gate keep their data and flows when the proxy that should accept them dies") {
  const World world;
  const int gate = world.gates(kernel::Family::v4).front().listener.get();
  Child proxy([gate](int channel) {
    const Fd own(::dup(gate));
    send_value(channel, 'x');
    static_cast<void>(receive_value<char>(channel));
  });
  static_cast<void>(receive_value<char>(proxy.channel()));
  for (int i = 0; i < 3; ++i) {
    const int error = at(world.inside(), [i] {
      const Address to = numbered_destination(i, false);
      const Fd fd = stream_socket(AF_INET);
      const int failed = try_connect(fd.get(), to);
      if (failed == 0 && ::send(fd.get(), &to, sizeof(to), 0) < 0) return errno;
      return failed;
    });
    REQUIRE(error == 0);
  }
  proxy.kill();
  for (int i = 0; i < 3; ++i) {
    const auto arrival = world.at_gate(false);
    REQUIRE(arrival);
    Address said;
    REQUIRE(::recv(arrival->fd.get(), &said, sizeof(said), MSG_WAITALL) == sizeof(said));
    CHECK(said == numbered_destination(i, false));
    CHECK(need(kernel::read_flow(arrival->fd.get())).destination == said);
  }
}
