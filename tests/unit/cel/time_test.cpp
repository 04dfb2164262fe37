// Timestamps, durations and time zones.
#include "cel/time_text.hpp"
#include "expressions.hpp"

using namespace callgate::cel;
using namespace callgate::cel::testing;

TEST_CASE("timestamps are read and written as RFC 3339 has them") {
  static constexpr Case cases[] = {
      {"timestamp('2026-11-26T07:30:00Z')", "timestamp(\"2026-11-26T07:30:00Z\")"},
      {"timestamp('2026-11-26T07:30:00.120+01:30')", "timestamp(\"2026-11-26T06:00:00.12Z\")"},
      {"timestamp('0001-01-01T00:00:00Z') == timestamp(-62135596800)", "true"},
      {"timestamp('9999-12-31T23:59:59.999999999Z')", "timestamp(\"9999-12-31T23:59:59.999999999Z\")"},
      {"timestamp('1969-12-31T23:59:59.5Z')", "timestamp(\"1969-12-31T23:59:59.5Z\")"},
  };
  check(cases);
  for (const auto* const wrong :
       {"", "2026-11-26", "2026-11-26T07:30:00", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z",
        "2026-01-01T24:00:00Z", "2026-01-01T00:00:60Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59-00:01",
        "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00.1234567890Z", "2026-01-01T00:00:00+1:00",
        "2026-01-01T00:00:00Z "}) {
    INFO(wrong);
    CHECK_FALSE(parse_timestamp(wrong));
  }
}

TEST_CASE("durations are read in all of their units") {
  static constexpr Case cases[] = {
      {"duration('1h30m')", "duration(\"5400s\")"},
      {"duration('-1.5s')", "duration(\"-1.5s\")"},
      {"duration('250ms') + duration('5us') + duration('7ns')", "duration(\"0.250005007s\")"},
      {"duration('0')", "duration(\"0s\")"},
      {"duration('.5h')", "duration(\"1800s\")"},
  };
  check(cases);
  for (const auto* const wrong :
       {"", "1", "s", ".s", "1x", "1s ", "--1s", "315576000001s", "99999999999999999999h"}) {
    INFO(wrong);
    CHECK_FALSE(parse_duration(wrong));
  }
}

TEST_CASE("points and spans of time are added within their range") {
  static constexpr Case cases[] = {
      {"timestamp(100) - timestamp(40)", "duration(\"60s\")"},
      {"timestamp(0) - duration('1ns')", "timestamp(\"1969-12-31T23:59:59.999999999Z\")"},
      {"duration('1s') + timestamp(0) == timestamp(1)", "true"},
      {"timestamp('9999-12-31T23:59:59Z') + duration('1s')", "!range"},
      {"timestamp('0001-01-01T00:00:00Z') - duration('1ns')", "!range"},
      {"timestamp('9999-12-31T23:59:59Z') - timestamp('0001-01-01T00:00:00Z')", "!range"},
      {"duration('315576000000s') + duration('1s')", "!range"},
      {"timestamp(1) > timestamp(0) && duration('1s') > duration('-1s')", "true"},
      {"timestamp(253402300800)", "!range"},
  };
  check(cases);
}

TEST_CASE("parts of times, here and elsewhere") {
  Host host;
  host.values["now"] = Value::timestamp(parse_timestamp("2026-03-29T01:30:15.250Z").value());
  static constexpr Case cases[] = {
      {"now.getFullYear()", "2026"},
      {"now.getMonth()", "2"},
      {"now.getDate()", "29"},
      {"now.getDayOfMonth()", "28"},
      {"now.getDayOfWeek()", "0"},
      {"now.getDayOfYear()", "87"},
      {"now.getHours()", "1"},
      {"now.getMinutes()", "30"},
      {"now.getSeconds()", "15"},
      {"now.getMilliseconds()", "250"},
      {"now.getHours('UTC')", "1"},
      // Summer time began half an hour ago.
      {"now.getHours('Europe/Berlin')", "3"},
      {"(now - duration('1h')).getHours('Europe/Berlin')", "1"},
      {"now.getHours('America/New_York')", "21"},
      {"now.getDate('America/New_York')", "28"},
      {"now.getHours('+05:30') * 100 + now.getMinutes('+05:30')", "700"},
      {"now.getHours('-02:00')", "23"},
      {"now.getHours('02:00')", "3"},
      {"now.getHours('Mars/' + 'Olympus')", "!invalid_argument"},
      {"now.getHours('../../../etc/' + 'localtime')", "!invalid_argument"},
      {"now.getHours('+24:' + '00')", "!invalid_argument"},
      {"duration('3723s4ms').getHours()", "1"},
      {"duration('3723s4ms').getMinutes()", "62"},
      {"duration('3723s4ms').getSeconds()", "3723"},
  };
  for (const Case& one : cases) {
    INFO(one.source);
    CHECK(value_of(one.source, host) == one.value);
  }
}

TEST_CASE("all zones of the machine can be loaded at once") {
  load_time_zones();
  CHECK(is_time_zone("Asia/Tokyo"));
  CHECK(is_time_zone("US/Pacific"));
  CHECK_FALSE(is_time_zone("localtime"));
  CHECK_FALSE(is_time_zone("tzdata.zi"));
}
