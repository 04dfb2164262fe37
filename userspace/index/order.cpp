#include "index/order.hpp"

#include <charconv>

#include <fmt/format.h>

namespace callgate::index {
namespace {

constexpr std::uint64_t largest = ~std::uint64_t{0};
constexpr std::size_t number_digits = 16;
constexpr std::size_t cursor_size = 1 + 2 * number_digits;

bool is_descending(Sort sort) {
  return sort == Sort::newest || sort == Sort::longest;
}

char letter(Sort sort) {
  switch (sort) {
    case Sort::newest:
      return 'n';
    case Sort::oldest:
      return 'o';
    case Sort::longest:
      return 'l';
    case Sort::shortest:
      break;
  }
  return 's';
}

// Exactly what make_cursor() writes.
bool parse_digits(std::string_view digits, std::uint64_t& number) {
  if (digits.find_first_not_of("0123456789abcdef") != std::string_view::npos) return false;
  return std::from_chars(digits.data(), digits.data() + digits.size(), number, 16).ec == std::errc{};
}

}  // namespace

std::optional<Number> key_column(Sort sort) {
  if (sort == Sort::newest) return std::nullopt;
  return sort == Sort::oldest ? Number::opened : Number::duration;
}

Rank rank_of(Sort sort, std::uint64_t value, Position position) {
  if (sort == Sort::newest) return {0, ~position};
  return is_descending(sort) ? Rank{~value, ~position} : Rank{value, position};
}

Position position_of(Sort sort, const Rank& rank) {
  return is_descending(sort) ? ~rank.place : rank.place;
}

RankRange ranks_of(Sort sort, const BlockPlace& block) {
  const Summary& summary = block.summary;
  switch (sort) {
    case Sort::newest:
      return {rank_of(sort, 0, make_position(block.epoch, summary.end - 1)),
              rank_of(sort, 0, make_position(block.epoch, summary.first))};
    case Sort::oldest:
      return {{summary.opened.min, 0}, {summary.opened.max, largest}};
    case Sort::longest:
      return {{~summary.duration.max, 0}, {~summary.duration.min, largest}};
    case Sort::shortest:
      break;
  }
  return {{summary.duration.min, 0}, {summary.duration.max, largest}};
}

std::string make_cursor(Sort sort, const Rank& rank) {
  return fmt::format("{}{:016x}{:016x}", letter(sort), rank.key, rank.place);
}

Result<Rank> parse_cursor(Sort sort, std::string_view cursor) {
  Rank rank;
  if (cursor.size() != cursor_size || cursor[0] != letter(sort) ||
      !parse_digits(cursor.substr(1, number_digits), rank.key) ||
      !parse_digits(cursor.substr(1 + number_digits), rank.place)) {
    return make_error("bad_cursor", "the cursor is none of a list in this order: begin with the first page");
  }
  return rank;
}

}  // namespace callgate::index
