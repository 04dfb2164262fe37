// Answers from blocks. What is in none of `blocks` is not looked at: the caller chooses those that may match.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "index/block_reader.hpp"
#include "index/query.hpp"

namespace callgate::index {

inline constexpr std::size_t most_listed = 10'000;  // of a page
inline constexpr std::size_t most_groups = 100'000;

using Blocks = std::vector<BlockPlace>;

// Any thread. Errors: those of EpochFile.
// Errors besides: bad_cursor, invalid (a limit of 0 or above most_listed).
[[nodiscard]] Result<Page> list(const Blocks& blocks, const Query& query, Sort sort, std::string_view cursor,
                                std::size_t limit);
[[nodiscard]] Result<std::uint64_t> count(const Blocks& blocks, const Query& query);
[[nodiscard]] Result<Groups> count_by(const Blocks& blocks, const Query& query, GroupBy column);

}  // namespace callgate::index
