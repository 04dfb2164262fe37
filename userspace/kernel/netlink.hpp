// Inside of the room: one request to a netlink socket of the kernel, and its answers.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "base/result.hpp"

namespace callgate::kernel {

// A message under construction: header, family header, attributes.
class NetlinkRequest {
 public:
  NetlinkRequest(std::uint16_t type, std::uint16_t flags, std::span<const std::uint8_t> family_header);
  void add(std::uint16_t attribute, std::uint32_t value);
  [[nodiscard]] std::span<const std::uint8_t> bytes() const { return message_; }

 private:
  void append(const void* data, std::size_t size);
  std::vector<std::uint8_t> message_;
};

using NetlinkAnswer = std::function<void(std::uint16_t type, std::span<const std::uint8_t> payload)>;

// Sends a request in the calling thread's network namespace and hands every answer to `answer`. Error system.
[[nodiscard]] Result<void> netlink_ask(const NetlinkRequest& request, const NetlinkAnswer& answer);
// The same over a socket that is open already, in the namespace that it was made in. What it waits for is
// bounded by the socket's SO_RCVTIMEO.
[[nodiscard]] Result<void> netlink_ask(int socket, const NetlinkRequest& request,
                                       const NetlinkAnswer& answer);

// Calls `each` with the number and the value of every attribute in `attributes`; stops at a malformed one.
void for_each_attribute(std::span<const std::uint8_t> attributes,
                        const std::function<void(std::uint16_t, std::span<const std::uint8_t>)>& each);

}  // namespace callgate::kernel
