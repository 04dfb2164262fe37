// The two clocks of the project.
#pragma once

#include <chrono>
#include <cstdint>
#include <ctime>
#include <string>

namespace callgate {

// Nanoseconds of CLOCK_MONOTONIC: for intervals, deadlines and the heartbeat that kernel programs compare
// with.
[[nodiscard]] inline std::uint64_t monotonic_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(now.tv_nsec);
}

// Nanoseconds since 1970 (CLOCK_REALTIME): for records that people read.
[[nodiscard]] inline std::uint64_t wall_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(now.tv_nsec);
}

// "2026-01-31T23:59:59.123Z": RFC 3339, UTC, milliseconds.
[[nodiscard]] std::string format_time(std::uint64_t nanoseconds_since_1970);

}  // namespace callgate
