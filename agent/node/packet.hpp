// Packets with descriptors over SOCK_SEQPACKET socket pairs.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace callgate::node {

inline constexpr std::size_t packet_limit = 64U << 10U;  // bytes
inline constexpr std::size_t packet_descriptors = 64;

struct Packet {
  std::string bytes;
  std::vector<Fd> descriptors;
};

// Two connected ends: the first non-blocking, the second not.
[[nodiscard]] Result<std::pair<Fd, Fd>> make_packet_pair();

// Errors: would_block (a non-blocking end whose peer does not read), closed, too_large, system_error.
[[nodiscard]] Result<void> send_packet(int fd, std::string_view bytes, std::span<const int> descriptors);
// Errors: would_block, closed (the peer's end is gone), too_large (a packet over the limits: the peer breaks
// the rules).
[[nodiscard]] Result<Packet> receive_packet(int fd);

}  // namespace callgate::node
