// Which rows of a block a query selects.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "index/block_reader.hpp"
#include "index/query.hpp"

namespace callgate::index {

// Rows of a block, ascending.
using Selection = std::vector<std::uint16_t>;

// Any thread. The query must outlive it.
class Matcher {
 public:
  explicit Matcher(const Query& query);

  // False: no row of the block matches.
  [[nodiscard]] bool may_match(const Summary& summary) const;
  [[nodiscard]] Result<Selection> select(BlockReader& block) const;

 private:
  struct NumberTest {
    Number column;
    std::uint64_t mask;  // of the bits that are compared
    std::uint64_t min;
    std::uint64_t max;
  };
  struct TextTest {
    Text column;
    std::function<bool(std::string_view)> accepts;
  };

  void test(Number column, std::uint64_t min, std::uint64_t max, std::uint64_t mask = ~std::uint64_t{0});
  void test_equal(Text column, const std::string& text);
  void test_glob(Text column, const std::string& pattern);
  void test_host(const std::string& pattern);
  [[nodiscard]] Result<void> keep_visible(BlockReader& block, Selection& rows) const;

  const Query& query_;
  std::vector<NumberTest> numbers_;
  std::vector<TextTest> texts_;
};

}  // namespace callgate::index
