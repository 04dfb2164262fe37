// Reads what callgated sends: one message a packet. callgated is trusted, and is held to the protocol all the
// same.
#pragma once

#include <cstddef>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "callgate/v1/node.pb.h"

namespace callgate::proxy {

// A packet is at most this long, and carries at most so many descriptors.
inline constexpr std::size_t largest_packet = 64U << 10U;
inline constexpr std::size_t most_descriptors = 64;

// The message in a packet that came with `descriptors` descriptors. Error bad_message: it cannot be parsed,
// is empty, or has another number of descriptors than its kind demands.
[[nodiscard]] Result<v1::ToProxy> parse_channel_message(Bytes packet, std::size_t descriptors);

// The same for a packet whose descriptors did not all fit into this process. Sockets that could not be had
// are an answer like any other, without a socket; everything else is too important to go on without:
// bad_message.
[[nodiscard]] Result<v1::ToProxy> parse_without_descriptors(Bytes packet);

}  // namespace callgate::proxy
