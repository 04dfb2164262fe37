// What callgated and its socket helper say to each other: one fixed structure a packet, in each direction.
//
// The helper makes sockets inside of network namespaces. It is a process of its own because the cgroup of a
// socket's maker decides whose programs see the socket, and because a thread that changes its namespace
// should do nothing else.
#pragma once

#include <array>
#include <cstdint>

#include "base/result.hpp"

namespace callgate::node {

enum class HelperTask : std::uint32_t {
  facts = 1,      // of the namespace
  gate = 2,       // one listener; on a port of first_port..last_port
  sockets = 3,    // `count` unconnected non-blocking TCP sockets
  diagnosis = 4,  // one sock_diag socket, which sees the namespace's TCP sockets
};

// With one descriptor: the network namespace.
struct HelperRequest {
  std::uint64_t number = 0;  // comes back in the reply
  HelperTask task = HelperTask::facts;
  std::uint32_t count = 0;
  std::uint16_t first_port = 0;
  std::uint16_t last_port = 0;
  std::uint8_t v6 = 0;
  std::array<std::uint8_t, 3> reserved{};
};
static_assert(sizeof(HelperRequest) == 24);

// With the descriptors that were asked for, or an error.
struct HelperReply {
  std::uint64_t number = 0;
  std::uint64_t netns_cookie = 0;
  std::uint16_t port = 0;  // of the gate
  std::uint8_t loopback_up = 0;
  std::uint8_t has_v4 = 0;  // source_v4 is set
  std::uint8_t has_v6 = 0;
  std::array<std::uint8_t, 3> reserved{};
  std::array<std::uint8_t, 16> source_v4{};  // as Address::ip
  std::array<std::uint8_t, 16> source_v6{};
  std::array<char, 32> error_code{};  // empty: done; both texts end with a zero byte
  std::array<char, 224> error_message{};
};
static_assert(sizeof(HelperReply) == 312);

inline constexpr std::uint32_t helper_most_sockets = 64;

// The helper itself: serves requests on `fd` until its peer is gone. `callgated --socket-helper` does nothing
// else. Returns the process's exit status.
[[nodiscard]] int run_helper(int fd);

}  // namespace callgate::node
