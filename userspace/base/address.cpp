#include "base/address.hpp"

#include <charconv>
#include <cstring>

#include <arpa/inet.h>
#include <fmt/format.h>

namespace callgate {
namespace {

constexpr std::array<std::uint8_t, 12> mapped_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool parse_ip(std::string_view text, Address& address) {
  const std::string terminated(text);
  if (::inet_pton(AF_INET, terminated.c_str(), address.ip.data()) == 1) return true;
  address.v6 = true;
  if (::inet_pton(AF_INET6, terminated.c_str(), address.ip.data()) != 1) return false;
  if (std::memcmp(address.ip.data(), mapped_prefix.data(), mapped_prefix.size()) == 0) {
    std::memmove(address.ip.data(), address.ip.data() + 12, 4);
    std::memset(address.ip.data() + 4, 0, 12);
    address.v6 = false;
  }
  return true;
}

Error bad_address(std::string_view text) {
  return make_error("bad_address",
                    fmt::format("\"{}\" is not an IP address; write 192.0.2.1:80 or [2001:db8::1]:80", text));
}

}  // namespace

std::string ip_to_string(const Address& address) {
  char text[INET6_ADDRSTRLEN] = {};
  ::inet_ntop(address.v6 ? AF_INET6 : AF_INET, address.ip.data(), text, sizeof(text));
  return text;
}

std::string to_string(const Address& address) {
  const std::string ip = ip_to_string(address);
  return address.v6 ? fmt::format("[{}]:{}", ip, address.port) : fmt::format("{}:{}", ip, address.port);
}

Result<Address> parse_address(std::string_view text) {
  std::string_view ip = text;
  std::string_view port;
  if (!text.empty() && text.front() == '[') {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return bad_address(text);
    ip = text.substr(1, end - 1);
    port = text.substr(end + 1);
    if (!port.empty() && port.front() != ':') return bad_address(text);
  } else if (const auto colon = text.find(':'); colon != std::string_view::npos && colon == text.rfind(':')) {
    ip = text.substr(0, colon);
    port = text.substr(colon);
  }
  Address address;
  if (!parse_ip(ip, address)) return bad_address(text);
  if (!port.empty()) {
    const auto* end = port.data() + port.size();
    const auto parsed = std::from_chars(port.data() + 1, end, address.port);
    if (parsed.ec != std::errc{} || parsed.ptr != end) return bad_address(text);
  }
  return address;
}

socklen_t to_sockaddr(const Address& address, sockaddr_storage& storage) {
  std::memset(&storage, 0, sizeof(storage));
  if (address.v6) {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(address.port);
    v6.sin6_scope_id = address.scope;
    std::memcpy(&v6.sin6_addr, address.ip.data(), 16);
    return sizeof(sockaddr_in6);
  }
  auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
  v4.sin_family = AF_INET;
  v4.sin_port = htons(address.port);
  std::memcpy(&v4.sin_addr, address.ip.data(), 4);
  return sizeof(sockaddr_in);
}

Result<Address> from_sockaddr(const sockaddr_storage& storage) {
  Address address;
  if (storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    address.port = ntohs(v4.sin_port);
    std::memcpy(address.ip.data(), &v4.sin_addr, 4);
    return address;
  }
  if (storage.ss_family != AF_INET6) return make_error("bad_address", "not an IPv4 or IPv6 socket address");
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
  address.port = ntohs(v6.sin6_port);
  if (std::memcmp(&v6.sin6_addr, mapped_prefix.data(), mapped_prefix.size()) == 0) {
    std::memcpy(address.ip.data(), v6.sin6_addr.s6_addr + 12, 4);
    return address;
  }
  address.v6 = true;
  address.scope = v6.sin6_scope_id;
  std::memcpy(address.ip.data(), &v6.sin6_addr, 16);
  return address;
}

}  // namespace callgate
