#include "control/peers.hpp"

#include <array>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.hpp"

using namespace callgate;
using control::identify_peer;
using control::PeerLimits;
using control::PeerTable;
using namespace std::chrono_literals;

namespace {

struct Pair {
  Fd ours;
  Fd theirs;
};

Pair make_pair_of_sockets() {
  std::array<int, 2> ends{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
  return {Fd(ends[0]), Fd(ends[1])};
}

constexpr PeerLimits few{
    .connections = 4, .connections_per_user = 4, .quarantine = 1h, .first_number = 500, .last_number = 503};

}  // namespace

TEST_CASE("a peer is known by uid, groups, pid and a pidfd of exactly this process") {
  const auto pair = make_pair_of_sockets();
  const auto peer = identify_peer(pair.ours.get());
  REQUIRE(peer);
  CHECK(peer->account.uid == ::getuid());
  CHECK(peer->account.gid == ::getgid());
  std::vector<gid_t> own(static_cast<std::size_t>(::getgroups(0, nullptr)));
  REQUIRE(::getgroups(static_cast<int>(own.size()), own.data()) == static_cast<int>(own.size()));
  CHECK_THAT(peer->account.groups, Catch::Matchers::UnorderedEquals(own));
  CHECK(peer->pid == ::getpid());
  pollfd alive{peer->pidfd.get(), POLLIN, 0};
  CHECK(::poll(&alive, 1, 0) == 0);
}

TEST_CASE("a peer that has ended is not mistaken for another process") {
  // The child's own pair: its credentials are the child's, and this process keeps one end.
  std::array<int, 2> carrier{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, carrier.data()) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) != 0) ::_exit(1);
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    char byte = 0;
    iovec part{&byte, 1};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    auto* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    *reinterpret_cast<int*>(CMSG_DATA(header)) = ends[0];
    ::_exit(::sendmsg(carrier[1], &message, 0) == 1 ? 0 : 1);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(status == 0);
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  char byte = 0;
  iovec part{&byte, 1};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  REQUIRE(::recvmsg(carrier[0], &message, MSG_CMSG_CLOEXEC) == 1);
  const Fd orphan(*reinterpret_cast<int*>(CMSG_DATA(CMSG_FIRSTHDR(&message))));
  const auto peer = identify_peer(orphan.get());
  REQUIRE_FALSE(peer);
  CHECK(peer.error().code == "peer_gone");
  ::close(carrier[0]);
  ::close(carrier[1]);
}

TEST_CASE("a number rests after its connection was closed, and its peer stays known") {
  PeerTable table(few);
  std::vector<Pair> others;
  for (int expected = 500; expected <= 503; ++expected) {
    auto pair = make_pair_of_sockets();
    const auto number = table.admit(std::move(pair.ours));
    REQUIRE(number);
    CHECK(*number == expected);
    ::close(*number);
    CHECK(table.find(fmt::format("fd:{}", *number))->pid == ::getpid());
  }
  auto pair = make_pair_of_sockets();
  CHECK(table.admit(std::move(pair.ours)).error().code == "too_many");
}

TEST_CASE("a number that has rested is used again") {
  auto limits = few;
  limits.quarantine = 0ms;
  PeerTable table(limits);
  for (int round = 0; round < 10; ++round) {
    auto pair = make_pair_of_sockets();
    const auto number = table.admit(std::move(pair.ours));
    REQUIRE(number);
    ::close(*number);
  }
}

TEST_CASE("numbers that something else in the process has are left alone") {
  const Fd taken(::dup2(0, 500));
  PeerTable table(few);
  auto pair = make_pair_of_sockets();
  const Fd number(table.admit(std::move(pair.ours)).value());
  CHECK(number.get() == 501);
}

TEST_CASE("connections are limited") {
  auto limits = few;
  limits.connections = 2;
  PeerTable table(limits);
  std::vector<Fd> open;
  std::vector<Pair> pairs;
  for (int count = 0; count < 2; ++count) {
    pairs.push_back(make_pair_of_sockets());
    open.emplace_back(table.admit(std::move(pairs.back().ours)).value());
  }
  auto third = make_pair_of_sockets();
  CHECK(table.admit(std::move(third.ours)).error().code == "too_many");
  open.clear();
  auto fourth = make_pair_of_sockets();
  const auto number = table.admit(std::move(fourth.ours));
  REQUIRE(number);
  ::close(*number);
}

TEST_CASE("only names that gRPC gives to descriptors are looked up") {
  PeerTable table(few);
  auto pair = make_pair_of_sockets();
  const Fd number(table.admit(std::move(pair.ours)).value());
  CHECK(table.find("fd:500"));
  for (const auto* name : {"", "fd:", "fd:501", "fd:500x", "unix:500", "500", "fd:-1"})
    CHECK_FALSE(table.find(name));
}
