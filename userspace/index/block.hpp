// A block: some thousand consecutive entries of one epoch, column by column.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "index/row.hpp"

namespace callgate::index {

inline constexpr std::size_t most_rows = 4096;                  // of a block
inline constexpr std::uint64_t most_block_entries = 1U << 16U;  // of a block, listed or not
inline constexpr std::size_t most_block_text = std::size_t{2}
                                               << 20U;  // bytes of different texts: then it is full

inline constexpr std::size_t piece_count = number_count + text_count;
[[nodiscard]] constexpr std::size_t piece_of(Number column) {
  return static_cast<std::size_t>(column);
}
[[nodiscard]] constexpr std::size_t piece_of(Text column) {
  return number_count + static_cast<std::size_t>(column);
}

// The smallest and the largest value; of no rows: nothing is in it.
struct Range {
  std::uint64_t min = ~std::uint64_t{0};
  std::uint64_t max = 0;

  void add(std::uint64_t value) {
    if (value < min) min = value;
    if (value > max) max = value;
  }
  [[nodiscard]] bool meets(std::uint64_t from, std::uint64_t to) const { return min <= to && from <= max; }
  bool operator==(const Range&) const = default;
};

// What is known of a block without looking into it.
struct Summary {
  std::uint64_t number = 0;  // of the block in its epoch, from 0
  std::uint64_t first = 0;   // entry
  std::uint64_t end = 0;     // the entry after the last one
  std::uint64_t rows = 0;    // entries that are listed
  Range opened;
  Range duration;
  Range generation;  // of sessions and calls
  Range session_counter;
  Range call_counter;

  bool operator==(const Summary&) const = default;
};

[[nodiscard]] std::string encode_summary(const Summary& summary);
// Error index_damaged where `bytes` are none of a block `number`.
[[nodiscard]] Result<Summary> decode_summary(Bytes bytes, std::uint64_t number);

struct Block {
  Summary summary;
  std::array<std::string, piece_count> pieces;
};

}  // namespace callgate::index
