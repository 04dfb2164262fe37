#include <random>
#include <vector>

#include <catch2/catch.hpp>

#include "record/salted_digest.hpp"
#include "record/utf8.hpp"

namespace callgate::record {
namespace {

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

TEST_CASE("Digests that are brought up to date together end as each would alone") {
  std::mt19937 random(11);
  std::vector<std::uint8_t> bytes(100'000);
  for (std::uint8_t& byte : bytes)
    byte = static_cast<std::uint8_t>(random());
  for (const std::size_t count : {1U, 2U, 3U, 9U}) {
    DigestQueue queue;
    std::vector<SaltedDigest> together(count);
    std::vector<SaltedDigest> alone(count);
    SaltSource salts;
    for (std::size_t at = 0; at < count; ++at) {
      const Salt salt = salts.next();
      together[at].start(salt);
      alone[at].start(salt);
    }
    for (int batch = 0; batch < 20; ++batch) {
      for (int piece = 0; piece < 12; ++piece) {
        const std::size_t which = random() % count;
        // From nothing over the border of a block to many blocks.
        const std::size_t size = random() % 3 == 0 ? random() % 20'000 : random() % 140;
        const Bytes part(bytes.data() + random() % (bytes.size() - size), size);
        queue.add(together[which], part);
        alone[which].add(part);
      }
      queue.run();
      for (std::size_t at = 0; at < count; ++at) {
        REQUIRE(together[at].value() == alone[at].value());
        REQUIRE(together[at].save() == alone[at].save());
      }
    }
  }
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
