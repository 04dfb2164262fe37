// Records that somebody asks for, found by reading the store record by record, a bounded stretch at a time.
//
// This is the way as long as the store has no index; what a filter means is inquiry::matches() in any case.
#pragma once

#include <functional>
#include <vector>

#include "inquiry/record_filter.hpp"
#include "record/store.hpp"

namespace callgate::node {

// Whether the asking user may see a record.
using Visible = std::function<bool(const v1::Record&)>;

struct Question {
  const record::StoreQueries& store;
  const inquiry::RecordFilter& filter;
  const Visible& visible;

  [[nodiscard]] bool matches(const v1::Record& record) const {
    return visible(record) && inquiry::matches(filter, record);
  }
};

// How many records are read for one request.
inline constexpr std::uint64_t scan_budget = 100'000;

struct Stretch {
  std::vector<v1::Record> records;
  record::Cursor next = 0;  // where to go on; 0: that was all
};

// At most `limit` records that match, newest first, from `before` on (0: the newest).
[[nodiscard]] Result<Stretch> scan_newest_first(const Question& question, record::Cursor before,
                                                std::size_t limit, std::uint64_t budget = scan_budget);
// The same, oldest first, from behind `after` on (0: the oldest).
[[nodiscard]] Result<Stretch> scan_oldest_first(const Question& question, record::Cursor after,
                                                std::size_t limit, std::uint64_t budget = scan_budget);
// Shows `visit` each record that matches, newest first; the cursor where to go on, 0: that was all. The
// stretch ends early where `visit` returns false.
[[nodiscard]] Result<record::Cursor> visit_newest_first(const Question& question, record::Cursor before,
                                                        const std::function<bool(const v1::Record&)>& visit,
                                                        std::uint64_t budget = scan_budget);

}  // namespace callgate::node
