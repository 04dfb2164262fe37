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
