// The header page of a ring's file; events follow it.
//
// A position is stored as its value and the value's complement: since the reader's side goes through read(2)
// and write(2), which promise no atomicity, a pair that does not match was caught in the middle of a change
// and is looked at again.
#pragma once

#include <cstddef>
#include <cstdint>

namespace callgate::record {

inline constexpr std::uint64_t ring_magic = 0x31676e6972676301ULL;
inline constexpr std::uint32_t ring_version = 2;  // of header and events
inline constexpr std::size_t ring_header_size = 4096;
inline constexpr std::size_t ring_smallest_capacity = 64U << 10U;
inline constexpr std::size_t ring_largest_capacity = 1U << 30U;

struct RingPosition {
  std::uint64_t value;
  std::uint64_t complement;
};

struct RingHeader {
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t generation;
  std::uint32_t thread;
  std::uint32_t reserved;
  std::uint64_t capacity;
  std::uint8_t fill[32];
  RingPosition written;      // by the writer, complement first
  RingPosition sync_wanted;  // the same: somebody waits until this is on disk
  std::uint8_t fill_written[32];
  RingPosition released;  // by the reader, value first
  RingPosition synced;    // by the reader, value first
  std::uint8_t fill_released[32];
};
static_assert(sizeof(RingHeader) == 192);
static_assert(offsetof(RingHeader, written) == 64 && offsetof(RingHeader, sync_wanted) == 80 &&
              offsetof(RingHeader, released) == 128 && offsetof(RingHeader, synced) == 144);

}  // namespace callgate::record
