// The orders of a list, and the places in them.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "index/block_reader.hpp"
#include "index/query.hpp"

namespace callgate::index {

// The place of a row in an order; the smallest comes first. No two rows have the same.
struct Rank {
  std::uint64_t key = 0;
  std::uint64_t place = 0;  // among rows of one key

  auto operator<=>(const Rank&) const = default;
};

// The column that an order compares; nothing where it compares positions only.
[[nodiscard]] std::optional<Number> key_column(Sort sort);
// `value` is that column's.
[[nodiscard]] Rank rank_of(Sort sort, std::uint64_t value, Position position);
[[nodiscard]] Position position_of(Sort sort, const Rank& rank);

// No row of the block ranks before `first` or after `last`.
struct RankRange {
  Rank first;
  Rank last;
};
[[nodiscard]] RankRange ranks_of(Sort sort, const BlockPlace& block);

// A cursor is the rank of the last row of a page, so it stays valid while rows are added.
[[nodiscard]] std::string make_cursor(Sort sort, const Rank& rank);
// Error bad_cursor for anything but a cursor of this order.
[[nodiscard]] Result<Rank> parse_cursor(Sort sort, std::string_view cursor);

}  // namespace callgate::index
