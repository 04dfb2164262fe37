#include "base/clock.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace callgate {

std::string format_time(std::uint64_t nanoseconds_since_1970) {
  const auto seconds = static_cast<std::time_t>(nanoseconds_since_1970 / 1'000'000'000U);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(seconds),
                     nanoseconds_since_1970 / 1'000'000U % 1000U);
}

}  // namespace callgate
