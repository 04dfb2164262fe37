// One column of one block as bytes. Pure; whoever stores the bytes adds a checksum.
//
// Numbers: the width of a value (0, 1, 2, 4 or 8 bytes), the smallest value (8 bytes), then each value's
// distance from that. A column of equal values has width 0.
// Texts: how many different ones there are (4 bytes), their sizes (4 bytes each), the texts, and for each row
// the number of its text, as numbers. All little endian.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace callgate::index {

using Numbers = std::vector<std::uint64_t>;

struct Texts {
  std::vector<std::string_view> texts;  // the different ones; into the piece
  Numbers ids;                          // of each row; all below texts.size()
};

[[nodiscard]] std::string encode_numbers(std::span<const std::uint64_t> values);
// Error index_damaged where `piece` is none of `rows` values.
[[nodiscard]] Result<Numbers> decode_numbers(Bytes piece, std::size_t rows);

[[nodiscard]] std::string encode_texts(std::span<const std::string_view> texts,
                                       std::span<const std::uint64_t> ids);
// Error index_damaged where `piece` is none of `rows` texts. The result points into `piece`.
[[nodiscard]] Result<Texts> decode_texts(Bytes piece, std::size_t rows);

}  // namespace callgate::index
