// One row a session that has records, in the order of their first records: about 200 bytes of memory each.
// Not thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <unordered_map>

#include "base/ids.hpp"
#include "record/store_format.hpp"

namespace callgate::record {

class SessionTable {
 public:
  struct Row {
    Id session;
    std::uint64_t first = 0;  // pointers to records
    std::uint64_t worst = 0;
    std::uint64_t last = 0;
    std::uint64_t opened_ns = 0;
    std::uint64_t closed_ns = 0;
    std::uint32_t calls = 0;
    std::uint8_t rank = 0;      // of the worst outcome
    std::uint8_t verdicts = 0;  // bit sets of enumeration values
    std::uint8_t outcomes = 0;
  };

  void add(const IndexEntry& entry, std::uint64_t pointer);
  // Forgets sessions whose newest record lies in a set before `number`.
  void forget_before(std::uint64_t number);
  [[nodiscard]] const Row* find(const Id& session) const;
  // Ascending by `first`.
  [[nodiscard]] const std::deque<Row>& rows() const { return rows_; }

 private:
  std::deque<Row> rows_;
  std::unordered_map<Id, std::size_t, IdHash> places_;
};

}  // namespace callgate::record
