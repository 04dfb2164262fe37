#include "base/ids.hpp"

#include <catch2/catch.hpp>

using namespace callgate;

TEST_CASE("ids round-trip through their text") {
  const Id id{0x1020304, 7, 0xfedcba9876543210};
  CHECK(to_string(id) == "0102030400000007fedcba9876543210");
  CHECK(parse_id(to_string(id)).value() == id);
}

TEST_CASE("what is no id is refused") {
  for (const char* text : {"", "01", "0102030400000007fedcba987654321", "0102030400000007fedcba98765432100",
                           "0102030400000007FEDCBA9876543210", "+102030400000007fedcba9876543210"}) {
    INFO(text);
    CHECK(parse_id(text).has_error());
  }
}

TEST_CASE("a source never repeats an id and never gives out zero") {
  IdSource source(3, 1);
  const Id first = source.next();
  const Id second = source.next();
  CHECK(first != second);
  CHECK(first.generation == 3);
  CHECK(first.thread == 1);
  CHECK(first.counter == 1);
}
