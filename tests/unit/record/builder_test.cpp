#include <catch2/catch.hpp>

#include "record/crc32c.hpp"
#include "record/salted_digest.hpp"
#include "record/utf8.hpp"

namespace callgate::record {
namespace {

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

TEST_CASE("A digest that is stored and taken up again ends as one that was not") {
  Salt salt{};
  salt[3] = 9;
  SaltedDigest straight;
  CHECK(straight.value().empty());
  straight.start(salt);
  straight.add(as_bytes("one two three"));
  for (std::size_t split = 0; split <= 13; ++split) {
    const std::string_view text = "one two three";
    SaltedDigest before;
    before.start(salt);
    before.add(as_bytes(text.substr(0, split)));
    SaltedDigest after;
    REQUIRE(after.load(before.save()));
    after.add(as_bytes(text.substr(split)));
    CHECK(after.value() == straight.value());
  }
  SaltedDigest damaged;
  CHECK_FALSE(damaged.load("short"));
  CHECK_FALSE(damaged.load(std::string(112, '\xff')));
}

TEST_CASE("Text that is not UTF-8 is made so") {
  const std::pair<std::string, std::string> cases[] = {
      {"plain", "plain"},
      {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
      {"a\xff"
       "b",
       "a\xef\xbf\xbd"
       "b"},
      {"\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd"},                  // overlong
      {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},  // surrogate
      {"\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd"},                  // cut
      {"\xf5\x80\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
  };
  for (const auto& [from, to] : cases)
    CHECK(to_utf8(from) == to);
}

}  // namespace
}  // namespace callgate::record
