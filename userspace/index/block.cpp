#include "index/block.hpp"

#include "index/little_endian.hpp"

namespace callgate::index {
namespace {

constexpr std::size_t range_count = 5;
constexpr std::size_t summary_size = (3 + 2 * range_count) * sizeof(std::uint64_t);

// In the order of the file format.
template <typename AnySummary, typename Visit>
void each_range(AnySummary& summary, Visit visit) {
  visit(summary.opened);
  visit(summary.duration);
  visit(summary.generation);
  visit(summary.session_counter);
  visit(summary.call_counter);
}

}  // namespace

std::string encode_summary(const Summary& summary) {
  std::string bytes;
  bytes.reserve(summary_size);
  append_number<std::uint64_t>(bytes, summary.first);
  append_number<std::uint64_t>(bytes, summary.end);
  append_number<std::uint64_t>(bytes, summary.rows);
  each_range(summary, [&bytes](const Range& range) {
    append_number<std::uint64_t>(bytes, range.min);
    append_number<std::uint64_t>(bytes, range.max);
  });
  return bytes;
}

Result<Summary> decode_summary(Bytes bytes, std::uint64_t number) {
  const auto damaged =
      make_error("index_damaged", "a block of the index is damaged: run `callgate audit reindex`");
  if (bytes.size() != summary_size) return damaged;
  std::size_t place = 0;
  const auto next = [&bytes, &place] {
    const auto value = number_at<std::uint64_t>(bytes, place);
    place += sizeof(value);
    return value;
  };
  Summary summary;
  summary.number = number;
  summary.first = next();
  summary.end = next();
  summary.rows = next();
  each_range(summary, [&next](Range& range) {
    range.min = next();
    range.max = next();
  });
  if (summary.end <= summary.first || summary.end - summary.first > most_block_entries ||
      summary.rows > most_rows || summary.rows > summary.end - summary.first) {
    return damaged;
  }
  return summary;
}

}  // namespace callgate::index
