// Timestamps (RFC 3339), durations and time zones as texts.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cel/value.hpp"

namespace callgate::cel {

inline constexpr std::int64_t first_second = -62135596800;  // 0001-01-01T00:00:00Z
inline constexpr std::int64_t last_second = 253402300799;   // 9999-12-31T23:59:59Z
inline constexpr std::int64_t longest_span = 315576000000;  // seconds

[[nodiscard]] std::optional<Time> parse_timestamp(std::string_view text);
// "1h30m", "-1.5s", "250ms".
[[nodiscard]] std::optional<Time> parse_duration(std::string_view text);
[[nodiscard]] std::string timestamp_text(Time time);
[[nodiscard]] std::string duration_text(Time span);  // "5400s", "-1.5s"

// What a calendar and a clock show at some place. Days of the year, and months, count from 0, days of the
// week from Sunday, 0.
struct Civil {
  std::int64_t year = 0;
  int month = 0;
  int day = 1;  // of the month, from 1
  int weekday = 0;
  int year_day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
};

// A name of the IANA database of this machine (tzdata.zi in /usr/share/zoneinfo, or in TZDIR), "UTC", or an
// offset such as "+01:00", "-0230" or "02:00".
[[nodiscard]] bool is_time_zone(std::string_view zone);
// Nothing where there is no such zone. An empty one is UTC.
[[nodiscard]] std::optional<Civil> civil_time(Time time, std::string_view zone);

// Makes all zones known that this machine has: for processes that cannot open files later.
void load_time_zones();

}  // namespace callgate::cel
