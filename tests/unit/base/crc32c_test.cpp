#include "base/crc32c.hpp"

#include <string>

#include <catch2/catch.hpp>

using namespace callgate;

TEST_CASE("CRC-32C gives the check values of RFC 3720") {
  CHECK(crc32c(as_bytes("123456789")) == 0xe3069283U);
  CHECK(crc32c(as_bytes(std::string(32, '\0'))) == 0x8a9136aaU);
  CHECK(crc32c(as_bytes(std::string(32, '\xff'))) == 0x62a8ab43U);
  CHECK(crc32c(as_bytes("56789"), crc32c(as_bytes("1234"))) == 0xe3069283U);
}

TEST_CASE("CRC-32C of long inputs is that of their pieces") {
  std::string text;
  for (std::size_t at = 0; at < 20'000; ++at)
    text.push_back(static_cast<char>(at * at % 251));
  std::uint32_t by_piece = 0;
  for (std::size_t at = 0; at < text.size(); at += 7)
    by_piece = crc32c(as_bytes(std::string_view(text).substr(at, 7)), by_piece);
  CHECK(crc32c(as_bytes(text)) == by_piece);
  for (std::size_t size = 3000; size < 7000; ++size) {
    const std::string_view first = std::string_view(text).substr(0, size);
    const std::string_view rest = std::string_view(text).substr(size);
    REQUIRE(crc32c(as_bytes(rest), crc32c(as_bytes(first))) == by_piece);
  }
}
