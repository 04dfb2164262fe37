#include "base/bytes.hpp"

#include <catch2/catch.hpp>

using namespace callgate;

TEST_CASE("bytes round-trip through hexadecimal") {
  const std::string bytes("\x00\xff\x10z", 4);
  CHECK(to_hex(as_bytes(bytes)) == "00ff107a");
  CHECK(from_hex("00FF107a").value() == bytes);
  CHECK(from_hex("").value().empty());
}

TEST_CASE("what is not hexadecimal is refused") {
  CHECK(from_hex("abc").error().code == "bad_hex");
  CHECK(from_hex("0g").error().code == "bad_hex");
}
