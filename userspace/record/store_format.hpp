// Layouts of the store's files, host byte order. A store belongs to the machine that wrote it.
//
// Files come in sets with a number N: records-N.log (frames of RecordFrameHeader and a serialized Record),
// records-N.index (an IndexEntry a record; can be rebuilt), payload-N.log (frames of PayloadFrameHeader and
// bytes; a call's frames are chained backwards). A pointer is (N << 40) | place, where the place is an offset
// in payload-N.log (of the frame, plus one), or an entry of the index (plus one): never 0, and a pointer to
// something older is always smaller.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"
#include "base/crc32c.hpp"
#include "base/ids.hpp"

namespace callgate::record {

inline constexpr std::uint32_t record_frame_magic = 0x31726763;
inline constexpr std::uint32_t payload_frame_magic = 0x31706763;
inline constexpr std::uint32_t store_mark_magic = 0x316d6763;
inline constexpr std::size_t largest_record = 65'535;
inline constexpr std::size_t largest_payload_frame = 1U << 20U;

struct RecordFrameHeader {
  std::uint32_t magic;
  std::uint32_t checksum;  // of everything after this field, record included
  std::uint32_t size;      // of the record
  std::uint32_t position_index;
  std::uint64_t position_batch;
  std::uint64_t previous;  // the session's record before this one
};
static_assert(sizeof(RecordFrameHeader) == 32);

struct IndexEntry {
  std::uint32_t checksum;  // of everything after this field
  std::uint32_t size;      // of the record
  std::uint64_t offset;    // of its frame
  std::uint64_t position_batch;
  std::uint32_t position_index;
  std::uint8_t kind;
  std::uint8_t verdict;
  std::uint8_t outcome;
  std::uint8_t reserved;
  Id session;
  Id call;
  std::uint64_t previous;
  std::uint64_t opened_ns;
  std::uint64_t closed_ns;
};
static_assert(sizeof(IndexEntry) == 88);

struct PayloadFrameHeader {
  std::uint32_t magic;
  std::uint32_t checksum;  // of the header after this field; the bytes are bound by the record's digest
  std::uint32_t size;
  std::uint8_t direction;
  std::uint8_t kind;
  std::uint16_t reserved;
  Id call;
  std::uint64_t previous;
  std::uint64_t time_ns;
  std::uint64_t offset;
};
static_assert(sizeof(PayloadFrameHeader) == 56);

// What was on disk when the store was synced last. After a crash of the machine nothing beyond it is
// believed.
struct StoreMark {
  std::uint32_t magic;
  std::uint32_t checksum;  // of everything after this field
  std::array<char, 40> boot;
  std::uint64_t number;
  std::uint64_t records_size;
  std::uint64_t payload_size;
};
static_assert(sizeof(StoreMark) == 72);

inline constexpr unsigned pointer_bits = 40;
[[nodiscard]] constexpr std::uint64_t make_pointer(std::uint64_t number, std::uint64_t place) {
  return (number << pointer_bits) | (place + 1);
}
[[nodiscard]] constexpr std::uint64_t pointer_number(std::uint64_t pointer) {
  return pointer >> pointer_bits;
}
// Meaningless where the pointer's low bits are 0.
[[nodiscard]] constexpr std::uint64_t pointer_place(std::uint64_t pointer) {
  return (pointer & ((std::uint64_t{1} << pointer_bits) - 1)) - 1;
}

// The checksum of a header whose first `skipped` bytes are not covered, followed by `rest`.
template <typename Header>
[[nodiscard]] std::uint32_t header_checksum(const Header& header, std::size_t skipped, Bytes rest = {}) {
  const auto* const bytes = reinterpret_cast<const std::uint8_t*>(&header);
  return crc32c(rest, crc32c(Bytes(bytes + skipped, sizeof(Header) - skipped)));
}

}  // namespace callgate::record
