// What one thread of the proxy keeps to: limits and times as callgated gave them, in the units the code uses.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/result.hpp"
#include "protocol/http1/reader.hpp"

namespace callgate::v1 {
class ProxyLimits;
}

namespace callgate::proxy {

// Nanoseconds: the unit of every interval and deadline in the proxy (CLOCK_MONOTONIC).
using Nanoseconds = std::uint64_t;
inline constexpr Nanoseconds nanoseconds_per_millisecond = 1'000'000;

// How often deadlines are looked at: what a timeout may be late by.
inline constexpr Nanoseconds sweep_interval = 50 * nanoseconds_per_millisecond;

struct Settings {
  http1::Limits request;
  http1::Limits response;
  std::uint64_t payload_bytes = 0;
  std::size_t decision_body_bytes = 0;
  std::uint32_t connections = 0;
  std::uint32_t connections_per_workload = 0;
  std::uint32_t pool_idle = 0;
  Nanoseconds proof_time = 0;
  Nanoseconds detect_timeout = 0;
  Nanoseconds head_timeout = 0;
  Nanoseconds idle_timeout = 0;
  Nanoseconds body_timeout = 0;
  Nanoseconds connect_timeout = 0;
  Nanoseconds response_timeout = 0;
  Nanoseconds stream_timeout = 0;
  Nanoseconds record_timeout = 0;
  Nanoseconds drain_timeout = 0;
  Nanoseconds pool_idle_timeout = 0;
  Nanoseconds tunnel_idle_timeout = 0;  // 0: none
};

// Error bad_limits: a limit or time is zero or absurd, which would mean "never" or "everything", and the
// limit is none that may be so.
[[nodiscard]] Result<Settings> make_settings(const v1::ProxyLimits& limits);

}  // namespace callgate::proxy
