#include "cel/time_text.hpp"

#include <charconv>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <set>

#include <absl/time/civil_time.h>
#include <absl/time/time.h>

#include "cel/wide.hpp"

namespace callgate::cel {
namespace {

constexpr std::int32_t nanoseconds_per_second = 1'000'000'000;

// A number of exactly `size` digits, or -1.
int number(std::string_view text, std::size_t from, std::size_t size) {
  if (from + size > text.size()) return -1;
  int value = 0;
  for (std::size_t i = from; i < from + size; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

// ".123456789"; `size` is how much of the text it is.
std::int32_t read_fraction(std::string_view text, std::size_t& size) {
  std::int32_t value = 0;
  std::int32_t scale = nanoseconds_per_second;
  size = 1;
  while (size < text.size() && text[size] >= '0' && text[size] <= '9') {
    scale /= 10;
    value += scale * (text[size] - '0');
    ++size;
  }
  return value;
}

// Seconds east of Greenwich.
std::optional<int> parse_offset(std::string_view zone) {
  int sign = 1;
  if (zone.starts_with('+') || zone.starts_with('-')) {
    sign = zone[0] == '-' ? -1 : 1;
    zone.remove_prefix(1);
  }
  const bool colon = zone.size() == 5 && zone[2] == ':';
  if (!colon && zone.size() != 4) return std::nullopt;
  const int hours = number(zone, 0, 2);
  const int minutes = number(zone, colon ? 3 : 2, 2);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return std::nullopt;
  return sign * (hours * 3600 + minutes * 60);
}

std::string fraction_text(std::int32_t nanoseconds) {
  if (nanoseconds == 0) return {};
  std::string digits = std::to_string(nanoseconds);
  digits.insert(0, 9 - digits.size(), '0');
  while (digits.ends_with('0'))
    digits.pop_back();
  return "." + digits;
}

std::string two_digits(int value) {
  return (value < 10 ? "0" : "") + std::to_string(value);
}

// The names of the zones that this machine has. Only these are looked up: what looks them up remembers every
// name that it was ever asked for, and takes some for paths of files.
std::set<std::string, std::less<>> read_zone_names() {
  std::set<std::string, std::less<>> names;
  const char* const set = std::getenv("TZDIR");
  const std::string directory = set != nullptr ? set : "/usr/share/zoneinfo";
  // Lines of the compact database: "Z NAME ..." are zones, "L TARGET NAME" other names for them.
  std::ifstream database(directory + "/tzdata.zi");
  for (std::string line; std::getline(database, line);) {
    const bool is_link = line.starts_with("L ");
    if (!is_link && !line.starts_with("Z ")) continue;
    const auto first = is_link ? line.rfind(' ') + 1 : 2;
    names.insert(line.substr(first, line.find(' ', first) - first));
  }
  return names;
}

const std::set<std::string, std::less<>>& zone_names() {
  static const auto names = read_zone_names();
  return names;
}

std::optional<absl::TimeZone> find_zone(std::string_view zone) {
  absl::TimeZone found;
  const auto& names = zone_names();
  const auto name = names.find(zone);
  if (name == names.end() || !absl::LoadTimeZone(*name, &found)) return std::nullopt;
  return found;
}

Civil to_civil(absl::CivilSecond time) {
  const absl::CivilDay day(time);
  const auto weekday = (static_cast<int>(absl::GetWeekday(day)) + 1) % 7;  // Monday is its first
  return {time.year(), time.month() - 1, time.day(),   weekday, absl::GetYearDay(day) - 1,
          time.hour(), time.minute(),    time.second()};
}

}  // namespace

std::optional<Time> parse_timestamp(std::string_view text) {
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || (text[10] != 'T' && text[10] != 't') ||
      text[13] != ':' || text[16] != ':') {
    return std::nullopt;
  }
  const int year = number(text, 0, 4);
  const int month = number(text, 5, 2);
  const int day = number(text, 8, 2);
  const int hour = number(text, 11, 2);
  const int minute = number(text, 14, 2);
  const int second = number(text, 17, 2);
  if (year < 1 || month < 1 || month > 12 || day < 1 || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
      second < 0 || second > 59) {
    return std::nullopt;
  }
  const absl::CivilSecond civil(year, month, day, hour, minute, second);
  if (civil.day() != day || civil.month() != month) return std::nullopt;
  Time time;
  auto rest = text.substr(19);
  if (rest.starts_with('.')) {
    std::size_t size = 0;
    time.nanoseconds = read_fraction(rest, size);
    if (size == 1 || size > 10) return std::nullopt;
    rest.remove_prefix(size);
  }
  int offset = 0;
  if (rest != "Z" && rest != "z") {
    const auto parsed =
        rest.size() == 6 && (rest[0] == '+' || rest[0] == '-') ? parse_offset(rest) : std::nullopt;
    if (!parsed) return std::nullopt;
    offset = *parsed;
  }
  time.seconds = (civil - absl::CivilSecond(1970, 1, 1)) - offset;
  if (time.seconds < first_second || time.seconds > last_second) return std::nullopt;
  return time;
}

std::optional<Time> parse_duration(std::string_view text) {
  bool negative = false;
  if (text.starts_with('-') || text.starts_with('+')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  if (text == "0") return Time{};
  if (text.empty()) return std::nullopt;
  // In nanoseconds; the longest span fits.
  Wide sum = 0;
  while (!text.empty()) {
    std::size_t digits = 0;
    Wide whole = 0;
    while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') {
      whole = whole * 10 + (text[digits] - '0');
      if (++digits > 20) return std::nullopt;
    }
    std::int32_t fraction = 0;
    std::size_t fraction_size = 0;
    auto unit = text.substr(digits);
    if (unit.starts_with('.')) {
      fraction = read_fraction(unit, fraction_size);
      unit.remove_prefix(fraction_size);
    }
    if (digits == 0 && fraction_size <= 1) return std::nullopt;
    Wide scale = 0;
    std::size_t unit_size = 1;
    if (unit.starts_with("ns")) {
      scale = 1;
      unit_size = 2;
    } else if (unit.starts_with("us")) {
      scale = 1000;
      unit_size = 2;
    } else if (unit.starts_with("\u00b5s")) {
      scale = 1000;
      unit_size = 3;
    } else if (unit.starts_with("ms")) {
      scale = 1'000'000;
      unit_size = 2;
    } else if (unit.starts_with('s')) {
      scale = nanoseconds_per_second;
    } else if (unit.starts_with('m')) {
      scale = Wide{60} * nanoseconds_per_second;
    } else if (unit.starts_with('h')) {
      scale = Wide{3600} * nanoseconds_per_second;
    } else {
      return std::nullopt;
    }
    sum += whole * scale + scale * fraction / nanoseconds_per_second;
    if (sum > static_cast<Wide>(longest_span + 1) * nanoseconds_per_second) return std::nullopt;
    text = unit.substr(unit_size);
  }
  if (negative) sum = -sum;
  const Time span{static_cast<std::int64_t>(sum / nanoseconds_per_second),
                  static_cast<std::int32_t>(sum % nanoseconds_per_second)};
  if (span.seconds > longest_span || span.seconds < -longest_span) return std::nullopt;
  return span;
}

std::string timestamp_text(Time time) {
  const auto civil = to_civil(absl::CivilSecond(1970, 1, 1) + time.seconds);
  std::string year = std::to_string(civil.year);
  year.insert(0, 4 - std::min<std::size_t>(year.size(), 4), '0');
  return year + "-" + two_digits(civil.month + 1) + "-" + two_digits(civil.day) + "T" +
         two_digits(civil.hour) + ":" + two_digits(civil.minute) + ":" + two_digits(civil.second) +
         fraction_text(time.nanoseconds) + "Z";
}

std::string duration_text(Time span) {
  const bool negative = span.seconds < 0 || span.nanoseconds < 0;
  return (negative ? "-" : "") + std::to_string(std::abs(span.seconds)) +
         fraction_text(std::abs(span.nanoseconds)) + "s";
}

bool is_time_zone(std::string_view zone) {
  return parse_offset(zone) || find_zone(zone);
}

std::optional<Civil> civil_time(Time time, std::string_view zone) {
  const absl::CivilSecond epoch(1970, 1, 1);
  if (zone.empty() || zone == "UTC" || zone == "Z") return to_civil(epoch + time.seconds);
  if (const auto offset = parse_offset(zone)) return to_civil(epoch + (time.seconds + *offset));
  const auto found = find_zone(zone);
  if (!found) return std::nullopt;
  return to_civil(absl::ToCivilSecond(absl::FromUnixSeconds(time.seconds), *found));
}

void load_time_zones() {
  for (const std::string& name : zone_names())
    (void)find_zone(name);
}

}  // namespace callgate::cel
