// An IP address with a port: one plain type for both families.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/result.hpp"

namespace callgate {

struct Address {
  // Network byte order. An IPv4 address lies in the first 4 bytes, the other 12 are zero.
  // IPv4-mapped IPv6 addresses are stored as IPv4.
  std::array<std::uint8_t, 16> ip{};
  std::uint16_t port = 0;  // host byte order
  bool v6 = false;
  std::uint32_t scope = 0;  // interface index of a link-local IPv6 address, else 0

  auto operator<=>(const Address&) const = default;
};

// "192.0.2.1:80" or "[2001:db8::1]:80".
[[nodiscard]] std::string to_string(const Address& address);
// "192.0.2.1" or "2001:db8::1".
[[nodiscard]] std::string ip_to_string(const Address& address);
// An address from the text forms above (without a port: port 0); error bad_address.
[[nodiscard]] Result<Address> parse_address(std::string_view text);

// Fills `storage` with the sockaddr of `address` and returns its length.
[[nodiscard]] socklen_t to_sockaddr(const Address& address, sockaddr_storage& storage);
// The address in a sockaddr_in or sockaddr_in6; error bad_address for another family.
[[nodiscard]] Result<Address> from_sockaddr(const sockaddr_storage& storage);

}  // namespace callgate
