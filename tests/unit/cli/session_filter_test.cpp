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

TEST_CASE("what is no time is refused") {
  for (const auto* text : {"", "10", "m", "10x", "99999d", "99999999999999999999s", "2026-13-01",
                           "2026-01-31T", "yesterday", "1960-01-01", "2026-01-31T23:59:59", "2026-01-31x"}) {
    INFO(text);
    CHECK(parse_time(text, now).has_error());
  }
}
