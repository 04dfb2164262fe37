#include "attempt.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include <arpa/inet.h>
#include <catch2/catch.hpp>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

namespace callgate::test {
namespace {

constexpr int give_up_milliseconds = 800;

// Field 22 of /proc/PID/stat, in clock ticks since boot.
std::uint64_t own_start_ticks() {
  std::ifstream file("/proc/self/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  std::istringstream rest(text.substr(text.rfind(')') + 2));
  std::string field;
  for (int i = 3; i <= 22; ++i)
    rest >> field;
  return std::stoull(field);
}

void copy_text(char (&to)[64], const std::string& from) {
  std::strncpy(to, from.c_str(), sizeof(to) - 1);
}

bool in_first_pid_namespace() {
  char link[64]{};
  return ::readlink("/proc/self/ns/pid", link, sizeof(link) - 1) > 0 &&
         std::string(link) == "pid:[4026531836]";
}

}  // namespace

Fd stream_socket(int family, int extra_type, int protocol) {
  Fd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | extra_type, protocol));
  if (!fd) fail("socket");
  return fd;
}

void set_option(int fd, int level, int name, int value) {
  if (::setsockopt(fd, level, name, &value, sizeof(value)) != 0) fail("setsockopt " + std::to_string(name));
}

Address address_of(const std::string& text) {
  return need(parse_address(text));
}

void bind_to(int fd, const std::string& text) {
  sockaddr_storage storage{};
  const socklen_t length = to_sockaddr(address_of(text), storage);
  if (::bind(fd, reinterpret_cast<sockaddr*>(&storage), length) != 0) fail("bind to " + text);
}

int try_connect(int fd, const Address& to, bool mapped) {
  int timeout = give_up_milliseconds;
  // Not every kind of socket knows it; those do not time out here.
  ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout));
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
  return ::connect(fd, reinterpret_cast<sockaddr*>(&storage), length) == 0 ? 0 : errno;
}

int try_connect_non_blocking(int fd, const Address& to) {
  if (::fcntl(fd, F_SETFL, O_NONBLOCK) != 0) fail("fcntl");
  const int error = try_connect(fd, to);
  if (error != EINPROGRESS) return error;
  pollfd event{fd, POLLOUT, 0};
  if (::poll(&event, 1, 20000) != 1) return ETIMEDOUT;
  int outcome = 0;
  socklen_t size = sizeof(outcome);
  ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &outcome, &size);
  return outcome;
}

Attempt look(int fd, int error) {
  Attempt attempt;
  attempt.error = error;
  attempt.pid = ::getpid();
  sockaddr_storage storage{};
  socklen_t length = sizeof(storage);
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&storage), &length) == 0)
    if (auto address = from_sockaddr(storage)) copy_text(attempt.peer, to_string(*address));
  length = sizeof(storage);
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length) == 0)
    if (auto address = from_sockaddr(storage)) copy_text(attempt.own, ip_to_string(*address));
  return attempt;
}

Attempt plain_attempt(const Place& place, const Address& to) {
  return at(place, [&to] {
    const Fd fd = stream_socket(to.v6 ? AF_INET6 : AF_INET);
    const int error = try_connect(fd.get(), to);
    return look(fd.get(), error);
  });
}

Arrival require_redirected(const World& world, const Attempt& attempt, const Address& to, bool at_v6_gate) {
  INFO("connect: " << std::strerror(attempt.error));
  REQUIRE(attempt.error == 0);
  CHECK(std::string(attempt.peer) == to_string(to));
  auto arrival = world.at_gate(at_v6_gate);
  REQUIRE(arrival);
  const kernel::Flow flow = need(kernel::read_flow(arrival->fd.get()));
  const auto config = world.config();
  CHECK(to_string(flow.destination) == to_string(to));
  CHECK(flow.workload == config.workload);
  CHECK(flow.netns_cookie == config.netns_cookie);
  if (in_first_pid_namespace()) CHECK(flow.tgid == static_cast<std::uint32_t>(attempt.pid));
  struct stat executable {};
  REQUIRE(::stat("/proc/self/exe", &executable) == 0);
  CHECK(flow.exe_inode == executable.st_ino);
  CHECK(flow.exe_device == executable.st_dev);
  // The client was forked by this process a moment ago.
  const std::uint64_t ticks_per_second = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  CHECK(flow.process_start / (1'000'000'000U / ticks_per_second) >= own_start_ticks());
  CHECK_FALSE(world.server_has_arrival());
  return std::move(*arrival);
}

void require_redirects(const World& world, const Address& to, const std::function<Attempt()>& client) {
  const auto before = world.counters();
  const Attempt attempt = at(world.inside(), client);
  static_cast<void>(require_redirected(world, attempt, to, to.v6));
  const auto after = world.counters();
  CHECK(after.at("redirected") == before.at("redirected") + 1);
  CHECK(after.at("published") == before.at("published") + 1);
  const auto pending = need(world.workloads().pending(world.config().workload));
  CHECK(pending.entries == 0);
  CHECK(pending.counted == 0);
}

void require_refused(const World& world, const Attempt& attempt, const std::string& counter, int error) {
  CHECK(std::string(std::strerror(attempt.error)) == std::strerror(error));
  CHECK(world.count(counter) == 1);
  CHECK(world.count("redirected") == 0);
  CHECK_FALSE(world.gate_has_arrival());
  CHECK_FALSE(world.server_has_arrival());
}

void require_direct(const World& world, const Attempt& attempt, bool v6) {
  INFO("connect: " << std::strerror(attempt.error));
  REQUIRE(attempt.error == 0);
  CHECK(next_arrival(world.server(v6).fd.get()));
  CHECK_FALSE(world.gate_has_arrival());
}

}  // namespace callgate::test
