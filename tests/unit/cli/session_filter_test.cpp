#include "cli/session_filter.hpp"

#include <catch2/catch.hpp>

using namespace callgate::cli;

namespace {

constexpr std::uint64_t second = 1'000'000'000;
constexpr std::uint64_t now = 1'800'000'000 * second;

}  // namespace

TEST_CASE("times are relative or absolute") {
  CHECK(*parse_time("30s", now) == now - 30 * second);
  CHECK(*parse_time("10m", now) == now - 600 * second);
  CHECK(*parse_time("2h", now) == now - 7200 * second);
  CHECK(*parse_time("7d", now) == now - 7 * 86400 * second);
  CHECK(*parse_time("2026-01-31", now) == 1'769'817'600 * second);
  CHECK(*parse_time("2026-01-31T23:59:59Z", now) == 1'769'903'999 * second);
}

TEST_CASE("durations have a unit") {
  CHECK(*parse_duration("250us") == 250);
  CHECK(*parse_duration("80ms") == 80'000);
  CHECK(*parse_duration("2s") == 2'000'000);
  CHECK(*parse_duration("5m") == 300'000'000);
  for (const auto* text :
       {"", "5", "ms", "5h", "-1s", "5 s", "1.5s", "99999999999999999999s", "9999999999s"}) {
    INFO(text);
    CHECK(parse_duration(text).has_error());
  }
}

TEST_CASE("a filter is checked before anybody is asked") {
  FilterOptions options;
  CHECK(options.value().has_value());
  options.filter.set_status("4x");
  CHECK(options.value().error().code == "invalid");
  options.filter.set_status("4xx");
  options.min_duration = "soon";
  CHECK(options.value().error().code == "invalid");
  options.min_duration = "2s";
  options.port = 443;
  CHECK(options.value()->min_duration_us() == 2'000'000);
  CHECK(options.value()->port() == 443);
}

TEST_CASE("what is no time is refused") {
  for (const auto* text : {"", "10", "m", "10x", "99999d", "99999999999999999999s", "2026-13-01",
                           "2026-01-31T", "yesterday", "1960-01-01", "2026-01-31T23:59:59", "2026-01-31x"}) {
    INFO(text);
    CHECK(parse_time(text, now).has_error());
  }
}
