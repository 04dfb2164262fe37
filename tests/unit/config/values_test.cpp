#include "config/values.hpp"

#include <catch2/catch.hpp>

using namespace callgate;
using namespace callgate::config;
using namespace std::chrono_literals;

TEST_CASE("durations are read and written with their unit") {
  CHECK(*parse_duration("500ms") == 500ms);
  CHECK(*parse_duration("90d") == 90 * 24h);
  CHECK(*parse_duration("0") == 0ms);
  CHECK(format_duration(1500ms) == "1500ms");
  CHECK(format_duration(90min) == "90m");
  CHECK(format_duration(0ms) == "0ms");
  for (const auto* text :
       {"", "s", "1", "1S", "1.5s", "1s ", " 1s", "+1s", "36501d", "18446744073709551615d"}) {
    INFO(text);
    CHECK_FALSE(parse_duration(text));
  }
}

TEST_CASE("sizes are read and written with their unit") {
  CHECK(*parse_size("512B") == 512);
  CHECK(*parse_size("1TiB") == 1ULL << 40U);
  CHECK(*parse_size("1PiB") == 1ULL << 50U);
  CHECK(format_size(1ULL << 50U) == "1PiB");
  CHECK(format_size(1536) == "1536B");
  CHECK(format_size(65536) == "64KiB");
  for (const auto* text : {"", "KiB", "1", "1kib", "1K", "1.5MiB", "99999999TiB", "2PiB"}) {
    INFO(text);
    CHECK_FALSE(parse_size(text));
  }
}

TEST_CASE("the nearest name is one that a person may have meant") {
  const std::vector<std::string> known{"head", "idle", "connections", "connections_per_workload"};
  CHECK(nearest("haed", known) == "head");
  CHECK(nearest("conections", known) == "connections");
  CHECK(nearest("connection_per_workload", known) == "connections_per_workload");
  CHECK(nearest("zzzz", known).empty());
  CHECK(nearest(std::string(1000, 'h'), known).empty());
  CHECK(nearest("", known).empty());
}

TEST_CASE("SPIFFE IDs are strict") {
  CHECK(check_spiffe_id("spiffe://td/a/b.c_d-E", "td"));
  for (const auto* id :
       {"spiffe://td", "spiffe://td/", "Spiffe://td/a", "spiffe://td/a/", "spiffe://td/a//b", "spiffe://td/.",
        "spiffe://td/..", "spiffe://td/a?b", "spiffe://td/a#b", "spiffe://td:1/a", "spiffe://u@td/a",
        "spiffe://td/%41", "spiffe://TD/a", "spiffe:///a", "", "spiffe://td2/a"}) {
    INFO(id);
    CHECK_FALSE(check_spiffe_id(id, "td"));
  }
}
