#include "cli/csv.hpp"

#include <catch2/catch.hpp>

#include "sample.hpp"

using namespace callgate;
using namespace callgate::cli;

TEST_CASE("values are quoted as RFC 4180 has it") {
  CHECK(csv_line({"a", "b c", ""}) == "a,b c,\r\n");
  CHECK(csv_line({"a,b", "say \"x\"", " x"}) == "\"a,b\",\"say \"\"x\"\"\",\" x\"\r\n");
}

TEST_CASE("no value breaks the line, controls a terminal or is a formula") {
  CHECK(csv_line({"a\r\nb", "\x1b[2J"}) == "a\\r\\nb,\\x1b[2J\r\n");
  CHECK(csv_line({"=1+1", "+1", "-1", "@x", "=a,b"}) == "'=1+1,'+1,'-1,'@x,\"'=a,b\"\r\n");
  CHECK(csv_line({"a=b", "1-2"}) == "a=b,1-2\r\n");
  CHECK(csv_line({"\t=1"}) == "\\t=1\r\n");
}

TEST_CASE("a record has a value for each title") {
  const auto titles = record_csv_titles();
  const auto values = record_csv_values(test::sample());
  REQUIRE(titles.size() == values.size());
  CHECK(record_csv_values(v1::Record()).size() == titles.size());
  const auto value = [&](const std::string& title) {
    for (std::size_t index = 0; index < titles.size(); ++index) {
      if (titles[index] == title) return values[index];
    }
    return std::string("no such title");
  };
  CHECK(value("opened") == "2026-01-31T23:59:59.123Z");
  CHECK(value("session") == "00000000000000000000000000000001");
  CHECK(value("kind") == "call");
  CHECK(value("host") == "pay.internal");
  CHECK(value("port") == "8443");
  CHECK(value("decision") == "allow");
  CHECK(value("outcome") == "completed");
  CHECK(value("total_us") == "100000");
  CHECK(value("response_size") == "1000000");
}
