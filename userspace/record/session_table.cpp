#include "record/session_table.hpp"

#include <algorithm>
#include <array>

namespace callgate::record {
namespace {

// By v1::Outcome: unspecified, completed, denied, refused, failed, caller_aborted, interrupted.
constexpr std::array<std::uint8_t, 7> ranks{0, 1, 3, 4, 5, 2, 6};

std::uint8_t bit(std::uint8_t value) {
  return static_cast<std::uint8_t>(1U << (value & 7U));
}

}  // namespace

void SessionTable::add(const IndexEntry& entry, std::uint64_t pointer) {
  const auto [place, added] = places_.try_emplace(entry.session, rows_.size());
  if (added) {
    Row row;
    row.session = entry.session;
    row.first = pointer;
    row.opened_ns = entry.opened_ns;
    rows_.push_back(row);
  }
  Row& row = rows_[place->second];
  row.last = pointer;
  row.closed_ns = std::max(row.closed_ns, entry.closed_ns);
  ++row.calls;
  row.verdicts = static_cast<std::uint8_t>(row.verdicts | bit(entry.verdict));
  row.outcomes = static_cast<std::uint8_t>(row.outcomes | bit(entry.outcome));
  const std::uint8_t rank = ranks[std::min<std::size_t>(entry.outcome, ranks.size() - 1)];
  if (row.worst == 0 || rank > row.rank) {
    row.worst = pointer;
    row.rank = rank;
  }
}

void SessionTable::forget_before(std::uint64_t number) {
  rows_.erase(std::remove_if(rows_.begin(), rows_.end(),
                             [number](const Row& row) { return pointer_number(row.last) < number; }),
              rows_.end());
  places_.clear();
  for (std::size_t place = 0; place < rows_.size(); ++place)
    places_.emplace(rows_[place].session, place);
}

const SessionTable::Row* SessionTable::find(const Id& session) const {
  const auto place = places_.find(session);
  return place == places_.end() ? nullptr : &rows_[place->second];
}

}  // namespace callgate::record
