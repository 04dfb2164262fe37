// Random records and queries, and a log that is asked by looking at every record of it.
#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "callgate/v1/record.pb.h"
#include "index/index.hpp"

namespace callgate::index::test {

class Traffic {
 public:
  explicit Traffic(std::uint64_t seed) : random_(seed) {}

  // The next record of a log: mostly calls; opened times grow, but not strictly.
  [[nodiscard]] v1::Record record();
  // Each filter may be set, to a value that occurs or to one that does not.
  [[nodiscard]] Query query();
  [[nodiscard]] std::uint64_t below(std::uint64_t end) { return random_() % end; }
  [[nodiscard]] bool one_in(std::uint64_t times) { return below(times) == 0; }

 private:
  template <typename Values>
  [[nodiscard]] const auto& pick(const Values& values) {
    return values[below(values.size())];
  }

  std::mt19937_64 random_;
  std::uint64_t now_ns_ = 1'700'000'000'000'000'000;
  std::map<std::uint32_t, Id> sessions_;  // by thread
  std::uint64_t counter_ = 0;
};

// What the index must agree with.
class Log {
 public:
  // Appends a record; its position.
  Position add(std::uint64_t epoch, const v1::Record& record);
  [[nodiscard]] const std::map<Position, v1::Record>& records() const { return records_; }
  [[nodiscard]] Position end(std::uint64_t epoch) const;

  [[nodiscard]] std::vector<Position> list(const Query& query, Sort sort) const;
  [[nodiscard]] std::map<std::string, std::uint64_t> count_by(const Query& query, GroupBy column) const;

 private:
  std::map<Position, v1::Record> records_;
  std::map<std::uint64_t, std::uint64_t> entries_;
};

// Gives `index` what `log` has of an epoch beyond it.
void catch_up(Index& index, const Log& log, std::uint64_t epoch);
// All pages of a list; errors of Index::list().
[[nodiscard]] Result<std::vector<Position>> list_all(const Index& index, const Query& query, Sort sort,
                                                     std::size_t page);

[[nodiscard]] std::string id_bytes_of(const Id& id);

}  // namespace callgate::index::test
