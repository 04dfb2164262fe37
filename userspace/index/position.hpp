// Where a record lies in the audit log.
#pragma once

#include <cstdint>

namespace callgate::index {

// The epoch of the log, and the number of the entry in it, from 0: positions grow in the order of the log.
using Position = std::uint64_t;

inline constexpr unsigned entry_bits = 40;
inline constexpr std::uint64_t most_entries = std::uint64_t{1} << entry_bits;  // of an epoch
inline constexpr std::uint64_t most_epochs = std::uint64_t{1} << (64U - entry_bits);

[[nodiscard]] constexpr Position make_position(std::uint64_t epoch, std::uint64_t entry) {
  return (epoch << entry_bits) | entry;
}
[[nodiscard]] constexpr std::uint64_t epoch_of(Position position) {
  return position >> entry_bits;
}
[[nodiscard]] constexpr std::uint64_t entry_of(Position position) {
  return position & (most_entries - 1);
}

}  // namespace callgate::index
