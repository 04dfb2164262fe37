// Inside of the room: names of counters, and sums of per-CPU values.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "abi.h"
#include "base/result.hpp"

namespace callgate::kernel {

#define CALLGATE_COUNTER_NAME(name) #name,
inline constexpr std::array<const char*, callgate_workload_counter_count> workload_counter_names{
    CALLGATE_WORKLOAD_COUNTERS(CALLGATE_COUNTER_NAME)};
inline constexpr std::array<const char*, callgate_gate_counter_count> gate_counter_names{
    CALLGATE_GATE_COUNTERS(CALLGATE_COUNTER_NAME)};
inline constexpr std::array<const char*, callgate_device_counter_count> device_counter_names{
    CALLGATE_DEVICE_COUNTERS(CALLGATE_COUNTER_NAME)};
#undef CALLGATE_COUNTER_NAME

// The sums of an array of `count` 64-bit counters that a map holds per CPU under `key`. Errors: no_entry,
// system.
[[nodiscard]] Result<std::vector<std::uint64_t>> sum_over_cpus(int map_fd, const void* key,
                                                               std::size_t count);

}  // namespace callgate::kernel
