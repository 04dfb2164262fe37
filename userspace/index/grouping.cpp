// Counts by the values of one column.
#include <algorithm>
#include <string>
#include <unordered_map>

#include "index/matcher.hpp"
#include "index/outcome_name.hpp"
#include "index/search.hpp"

namespace callgate::index {
namespace {

class Counting {
 public:
  void add(std::string value, std::uint64_t count) {
    const auto known = counts_.find(value);
    if (known != counts_.end()) {
      known->second += count;
    } else if (counts_.size() < most_groups) {
      counts_.emplace(std::move(value), count);
    } else {
      others_ += count;
    }
  }

  [[nodiscard]] Groups take() {
    Groups result;
    result.others = others_;
    result.groups.reserve(counts_.size());
    for (const auto& [value, count] : counts_)
      result.groups.push_back({value, count});
    std::sort(result.groups.begin(), result.groups.end(), [](const Group& left, const Group& right) {
      return left.count != right.count ? left.count > right.count : left.value < right.value;
    });
    return result;
  }

 private:
  std::unordered_map<std::string, std::uint64_t> counts_;
  std::uint64_t others_ = 0;
};

std::optional<Text> text_column(GroupBy column) {
  switch (column) {
    case GroupBy::workload:
      return Text::workload;
    case GroupBy::name_space:
      return Text::name_space;
    case GroupBy::process:
      return Text::process;
    case GroupBy::function:
      return Text::function;
    case GroupBy::host:
      return Text::host;
    case GroupBy::policy:
      return Text::policy;
    case GroupBy::rule:
      return Text::rule;
    case GroupBy::error_code:
      return Text::error_code;
    case GroupBy::decision:
    case GroupBy::outcome:
    case GroupBy::status:
      break;
  }
  return std::nullopt;
}

Number number_column(GroupBy column) {
  if (column == GroupBy::decision) return Number::decision;
  return column == GroupBy::outcome ? Number::outcome : Number::status;
}

std::string decision_name(std::uint64_t decision) {
  if ((decision & would_deny_bit) != 0) return "would-deny";
  if (decision == v1::VERDICT_ALLOW) return "allow";
  return decision == v1::VERDICT_DENY ? "deny" : "";
}

std::string number_name(GroupBy column, std::uint64_t value) {
  if (column == GroupBy::decision) return decision_name(value);
  if (column == GroupBy::outcome) return outcome_name(static_cast<v1::Outcome>(value));
  return value == 0 ? "" : std::to_string(value);
}

Result<void> count_texts(BlockReader& block, Text column, const Selection& rows, Counting& counting) {
  const auto texts = block.texts(column);
  if (!texts) return texts.error();
  std::vector<std::uint64_t> counts((*texts)->texts.size());
  for (const std::uint16_t row : rows)
    ++counts[(*texts)->ids[row]];
  for (std::size_t text = 0; text < counts.size(); ++text)
    if (counts[text] != 0) counting.add(std::string((*texts)->texts[text]), counts[text]);
  return {};
}

Result<void> count_numbers(BlockReader& block, GroupBy column, const Selection& rows, Counting& counting) {
  const auto numbers = block.numbers(number_column(column));
  if (!numbers) return numbers.error();
  std::unordered_map<std::uint64_t, std::uint64_t> counts;
  for (const std::uint16_t row : rows)
    ++counts[(**numbers)[row]];
  for (const auto& [value, count] : counts)
    counting.add(number_name(column, value), count);
  return {};
}

}  // namespace

Result<Groups> count_by(const Blocks& blocks, const Query& query, GroupBy column) {
  const Matcher matcher(query);
  const auto text = text_column(column);
  Counting counting;
  for (const BlockPlace& place : blocks) {
    BlockReader block(place);
    const auto rows = matcher.select(block);
    if (!rows) return rows.error();
    if (rows->empty()) continue;
    if (text) {
      CALLGATE_TRY(count_texts(block, *text, *rows, counting));
    } else {
      CALLGATE_TRY(count_numbers(block, column, *rows, counting));
    }
  }
  return counting.take();
}

}  // namespace callgate::index
