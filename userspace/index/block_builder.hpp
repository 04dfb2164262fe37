// Rows that become a block.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "index/block.hpp"
#include "index/row.hpp"

namespace callgate::index {

// The different texts of a column, numbered as they come.
class TextNumbers {
 public:
  // The number of `text`.
  [[nodiscard]] std::uint64_t number(std::string_view text);
  [[nodiscard]] const std::vector<std::string_view>& texts() const { return texts_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  void clear();

 private:
  std::deque<std::string> storage_;
  std::vector<std::string_view> texts_;
  std::unordered_map<std::string_view, std::uint64_t> numbers_;
  std::uint64_t last_ = 0;
  std::size_t bytes_ = 0;
};

// One thread.
class BlockBuilder {
 public:
  // Begins with block `number`, at an entry.
  void start(std::uint64_t number, std::uint64_t first);
  // The next entry; skip() is for one that is not listed.
  void add(Row row);
  void skip() { ++summary_.end; }

  [[nodiscard]] const Summary& summary() const { return summary_; }
  [[nodiscard]] bool empty() const { return summary_.end == summary_.first; }
  // Time for the next one.
  [[nodiscard]] bool full() const;
  [[nodiscard]] Block encode() const;

 private:
  Summary summary_;
  std::array<std::vector<std::uint64_t>, number_count> numbers_;
  std::array<TextNumbers, text_count> texts_;
  std::array<std::vector<std::uint64_t>, text_count> text_ids_;
};

}  // namespace callgate::index
