#include "index/search.hpp"

#include <algorithm>
#include <optional>
#include <queue>

#include <fmt/format.h>

#include "index/matcher.hpp"
#include "index/order.hpp"

namespace callgate::index {
namespace {

// The first rows of an order after a place in it.
class FirstRows {
 public:
  FirstRows(std::optional<Rank> after, std::size_t size) : after_(after), size_(size) {}

  // False: no row in the range can be among them.
  [[nodiscard]] bool wants(const RankRange& range) const {
    return !(after_ && range.last <= *after_) && !past(range.first);
  }
  // True: no row from here on can.
  [[nodiscard]] bool past(const Rank& rank) const { return rows_.size() == size_ && rank > rows_.top(); }

  void add(const Rank& rank) {
    if ((after_ && rank <= *after_) || past(rank)) return;
    rows_.push(rank);
    if (rows_.size() > size_) rows_.pop();
  }

  [[nodiscard]] std::vector<Rank> take() {
    std::vector<Rank> sorted(rows_.size());
    for (auto place = sorted.rbegin(); place != sorted.rend(); ++place) {
      *place = rows_.top();
      rows_.pop();
    }
    return sorted;
  }

 private:
  std::optional<Rank> after_;
  std::size_t size_;
  std::priority_queue<Rank> rows_;  // the last one on top
};

struct Candidate {
  RankRange range;
  const BlockPlace* block;
};

std::vector<Candidate> in_order(const Blocks& blocks, Sort sort) {
  std::vector<Candidate> candidates;
  candidates.reserve(blocks.size());
  for (const BlockPlace& block : blocks)
    candidates.push_back({ranks_of(sort, block), &block});
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& left, const Candidate& right) {
    return left.range.first < right.range.first;
  });
  return candidates;
}

Result<void> collect(BlockReader& block, const Matcher& matcher, Sort sort, FirstRows& first) {
  const auto rows = matcher.select(block);
  if (!rows) return rows.error();
  if (rows->empty()) return {};
  const auto entries = block.numbers(Number::entry);
  if (!entries) return entries.error();
  const Numbers* keys = nullptr;
  if (const auto column = key_column(sort)) {
    const auto values = block.numbers(*column);
    if (!values) return values.error();
    keys = *values;
  }
  for (const std::uint16_t row : *rows) {
    const Position position = block.place().position((**entries)[row]);
    first.add(rank_of(sort, keys == nullptr ? 0 : (*keys)[row], position));
  }
  return {};
}

}  // namespace

Result<Page> list(const Blocks& blocks, const Query& query, Sort sort, std::string_view cursor,
                  std::size_t limit) {
  if (limit == 0 || limit > most_listed) {
    return make_error("invalid", fmt::format("a page has 1 to {} rows", most_listed));
  }
  std::optional<Rank> after;
  if (!cursor.empty()) {
    const auto rank = parse_cursor(sort, cursor);
    if (!rank) return rank.error();
    after = *rank;
  }
  const Matcher matcher(query);
  FirstRows first(after, limit + 1);  // one more than asked for tells whether there is a next page
  for (const Candidate& candidate : in_order(blocks, sort)) {
    if (first.past(candidate.range.first)) break;
    if (!first.wants(candidate.range)) continue;
    BlockReader block(*candidate.block);
    CALLGATE_TRY(collect(block, matcher, sort, first));
  }
  std::vector<Rank> ranks = first.take();
  Page page;
  if (ranks.size() > limit) {
    ranks.pop_back();
    page.next = make_cursor(sort, ranks.back());
  }
  for (const Rank& rank : ranks)
    page.positions.push_back(position_of(sort, rank));
  return page;
}

Result<std::uint64_t> count(const Blocks& blocks, const Query& query) {
  const Matcher matcher(query);
  std::uint64_t found = 0;
  for (const BlockPlace& place : blocks) {
    BlockReader block(place);
    const auto rows = matcher.select(block);
    if (!rows) return rows.error();
    found += rows->size();
  }
  return found;
}

}  // namespace callgate::index
