#include "base/address.hpp"

#include <catch2/catch.hpp>

using namespace callgate;

TEST_CASE("addresses keep their text form") {
  for (const char* text : {"192.0.2.1:80", "[2001:db8::1]:65535", "0.0.0.0:0"}) {
    CHECK(to_string(parse_address(text).value()) == text);
  }
  CHECK(parse_address("2001:db8::1").value().port == 0);
  CHECK(ip_to_string(parse_address("2001:db8::1").value()) == "2001:db8::1");
}

TEST_CASE("a mapped IPv6 address is the IPv4 address") {
  const auto mapped = parse_address("[::ffff:192.0.2.1]:80").value();
  CHECK_FALSE(mapped.v6);
  CHECK(mapped == parse_address("192.0.2.1:80").value());

  sockaddr_storage storage{};
  auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(80);
  v6.sin6_addr.s6_addr[10] = v6.sin6_addr.s6_addr[11] = 0xff;
  v6.sin6_addr.s6_addr[12] = 192;
  v6.sin6_addr.s6_addr[14] = 2;
  v6.sin6_addr.s6_addr[15] = 1;
  CHECK(from_sockaddr(storage).value() == mapped);
}

TEST_CASE("what is no address is refused") {
  for (const char* text :
       {"", "a", "1.2.3", "1.2.3.4:", "1.2.3.4:65536", "1.2.3.4:80x", "[::1", "[::1]80", "1.2.3.4:-1"}) {
    INFO(text);
    const auto parsed = parse_address(text);
    REQUIRE(parsed.has_error());
    CHECK(parsed.error().code == "bad_address");
  }
}

TEST_CASE("socket addresses round-trip") {
  for (const char* text : {"192.0.2.1:80", "[2001:db8::1]:443"}) {
    const auto address = parse_address(text).value();
    sockaddr_storage storage{};
    CHECK(to_sockaddr(address, storage) == (address.v6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in)));
    CHECK(from_sockaddr(storage).value() == address);
  }
  sockaddr_storage unix_socket{};
  unix_socket.ss_family = AF_UNIX;
  CHECK(from_sockaddr(unix_socket).has_error());
}
