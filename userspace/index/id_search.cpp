#include "index/id_search.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "index/matcher.hpp"

namespace callgate::index {
namespace {

constexpr std::size_t shortest_pattern = 6;
constexpr std::size_t half_digits = 16;
constexpr std::size_t id_digits = 2 * half_digits;
constexpr unsigned thread_bits = 32;

std::uint64_t parse_hex(std::string_view digits) {
  std::uint64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  return value;
}

// The columns of one of a row's two ids.
struct IdColumns {
  Number generation;
  Number thread;
  Number counter;
};
constexpr IdColumns session_columns{Number::session_generation, Number::session_thread,
                                    Number::session_counter};
constexpr IdColumns call_columns{Number::call_generation, Number::call_thread, Number::call_counter};

Result<std::vector<Id>> ids_of(BlockReader& block, const IdColumns& columns, const Selection& rows) {
  const auto generations = block.numbers(columns.generation);
  if (!generations) return generations.error();
  const auto threads = block.numbers(columns.thread);
  if (!threads) return threads.error();
  const auto counters = block.numbers(columns.counter);
  if (!counters) return counters.error();
  std::vector<Id> ids;
  ids.reserve(rows.size());
  for (const std::uint16_t row : rows) {
    ids.push_back({static_cast<std::uint32_t>((**generations)[row]),
                   static_cast<std::uint32_t>((**threads)[row]), (**counters)[row]});
  }
  return ids;
}

// Reads only the columns that the pattern says something about, and the counters, which tell most, first.
Result<Selection> matching_rows(BlockReader& block, const IdPattern& pattern, const IdColumns& columns) {
  Selection rows;
  const auto counters = block.numbers(columns.counter);
  if (!counters) return counters.error();
  for (std::size_t row = 0; row < block.rows(); ++row)
    if (pattern.low().matches((**counters)[row])) rows.push_back(static_cast<std::uint16_t>(row));
  if (rows.empty() || pattern.high().mask == 0) return rows;
  const auto ids = ids_of(block, columns, rows);
  if (!ids) return ids.error();
  Selection matching;
  for (std::size_t at = 0; at < rows.size(); ++at)
    if (pattern.matches((*ids)[at])) matching.push_back(rows[at]);
  return matching;
}

Error ambiguous(std::string_view digits) {
  return make_error("ambiguous", fmt::format("{} stands for several sessions: give more digits", digits));
}

// Notes the sessions of the rows that match in `found`; error ambiguous where there is another one.
Result<void> note_sessions(BlockReader& block, const IdPattern& pattern, std::string_view digits,
                           std::optional<Id>& found) {
  for (const IdColumns& columns : {session_columns, call_columns}) {
    const auto rows = matching_rows(block, pattern, columns);
    if (!rows) return rows.error();
    if (rows->empty()) continue;
    const auto sessions = ids_of(block, session_columns, *rows);
    if (!sessions) return sessions.error();
    for (const Id& session : *sessions) {
      if (found && *found != session) return ambiguous(digits);
      found = session;
    }
  }
  return {};
}

}  // namespace

IdPattern IdPattern::prefix(std::string_view digits) {
  std::string mask(id_digits, '0');
  std::string bits(id_digits, '0');
  std::fill_n(mask.begin(), digits.size(), 'f');
  std::copy(digits.begin(), digits.end(), bits.begin());
  return {mask, bits};
}

IdPattern IdPattern::suffix(std::string_view digits) {
  std::string mask(id_digits, '0');
  std::string bits(id_digits, '0');
  std::fill_n(mask.rbegin(), digits.size(), 'f');
  std::copy(digits.rbegin(), digits.rend(), bits.rbegin());
  return {mask, bits};
}

IdPattern::IdPattern(std::string_view mask, std::string_view bits)
    : high_{parse_hex(mask.substr(0, half_digits)), parse_hex(bits.substr(0, half_digits))},
      low_{parse_hex(mask.substr(half_digits)), parse_hex(bits.substr(half_digits))} {}

bool IdPattern::matches(const Id& id) const {
  return high_.matches((std::uint64_t{id.generation} << thread_bits) | id.thread) && low_.matches(id.counter);
}

// Whether some value of the range has the bits: with its last bits known, the first such value from the start
// on; with its first bits known, all values between the smallest and the largest such value.
bool IdPattern::Half::may_match(const Range& range) const {
  const std::uint64_t smallest = bits;
  const std::uint64_t largest = bits | ~mask;
  if (!range.meets(smallest, largest)) return false;
  if ((mask & (mask + 1)) != 0) return true;
  std::uint64_t first = (range.min & ~mask) | bits;
  if (first < range.min) first += mask + 1;
  return first >= range.min && first <= range.max;
}

bool IdPattern::may_match(const Summary& summary) const {
  if (summary.rows == 0) return false;
  const Range high{summary.generation.min << thread_bits,
                   (summary.generation.max << thread_bits) | 0xffffffffU};
  return high_.may_match(high) &&
         (low_.may_match(summary.session_counter) || low_.may_match(summary.call_counter));
}

Result<std::vector<IdPattern>> id_patterns(std::string_view digits) {
  std::string lower(digits);
  for (char& c : lower)
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
  if (lower.size() < shortest_pattern || lower.size() > id_digits ||
      lower.find_first_not_of("0123456789abcdef") != std::string::npos) {
    return make_error("bad_id",
                      "an id is 6 to 32 hexadecimal digits: the start or the end of a session's or a call's");
  }
  std::vector<IdPattern> patterns{IdPattern::prefix(lower)};
  if (lower.size() < id_digits) patterns.push_back(IdPattern::suffix(lower));
  return patterns;
}

Result<Id> find(const Blocks& blocks, const std::vector<IdPattern>& patterns, std::string_view digits) {
  std::optional<Id> found;
  for (const BlockPlace& place : blocks) {
    BlockReader block(place);
    for (const IdPattern& pattern : patterns)
      if (pattern.may_match(place.summary)) CALLGATE_TRY(note_sessions(block, pattern, digits, found));
    // A whole id is nobody else's.
    if (found && digits.size() == id_digits) break;
  }
  if (!found) return make_error("not_found", fmt::format("no session or call is called {}", digits));
  return *found;
}

}  // namespace callgate::index
