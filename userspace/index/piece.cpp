#include "index/piece.hpp"

#include <algorithm>

#include "index/little_endian.hpp"

namespace callgate::index {
namespace {

constexpr std::size_t numbers_header = 1 + sizeof(std::uint64_t);

Error no_piece() {
  return make_error("index_damaged", "a column of the index is damaged: run `callgate audit reindex`");
}

template <typename Width>
void append_distances(std::span<const std::uint64_t> values, std::uint64_t smallest, std::string& bytes) {
  const std::size_t start = bytes.size();
  bytes.resize(start + values.size() * sizeof(Width));
  char* place = bytes.data() + start;
  for (const std::uint64_t value : values) {
    const auto distance = static_cast<Width>(value - smallest);
    std::memcpy(place, &distance, sizeof(distance));
    place += sizeof(distance);
  }
}

template <typename Width>
void read_distances(const std::uint8_t* place, std::uint64_t smallest, Numbers& values) {
  for (std::uint64_t& value : values) {
    Width distance = 0;
    std::memcpy(&distance, place, sizeof(distance));
    value = smallest + distance;
    place += sizeof(distance);
  }
}

void append_numbers(std::span<const std::uint64_t> values, std::string& bytes) {
  std::uint64_t smallest = values.empty() ? 0 : ~std::uint64_t{0};
  std::uint64_t largest = 0;
  for (const std::uint64_t value : values) {
    smallest = std::min(smallest, value);
    largest = std::max(largest, value);
  }
  const std::uint64_t range = largest - smallest;
  const std::uint8_t width = range == 0            ? 0
                             : range <= 0xff       ? 1
                             : range <= 0xffff     ? 2
                             : range <= 0xffffffff ? 4
                                                   : 8;
  append_number<std::uint8_t>(bytes, width);
  append_number<std::uint64_t>(bytes, smallest);
  if (width == 1) append_distances<std::uint8_t>(values, smallest, bytes);
  if (width == 2) append_distances<std::uint16_t>(values, smallest, bytes);
  if (width == 4) append_distances<std::uint32_t>(values, smallest, bytes);
  if (width == 8) append_distances<std::uint64_t>(values, smallest, bytes);
}

}  // namespace

std::string encode_numbers(std::span<const std::uint64_t> values) {
  std::string bytes;
  append_numbers(values, bytes);
  return bytes;
}

Result<Numbers> decode_numbers(Bytes piece, std::size_t rows) {
  if (piece.size() < numbers_header) return no_piece();
  const std::uint8_t width = piece[0];
  if (width > 8 || (width & (width - 1U)) != 0) return no_piece();
  if (piece.size() != numbers_header + rows * width) return no_piece();
  const auto smallest = number_at<std::uint64_t>(piece, 1);
  const std::uint8_t* const place = piece.data() + numbers_header;
  Numbers values(rows, smallest);
  if (width == 1) read_distances<std::uint8_t>(place, smallest, values);
  if (width == 2) read_distances<std::uint16_t>(place, smallest, values);
  if (width == 4) read_distances<std::uint32_t>(place, smallest, values);
  if (width == 8) read_distances<std::uint64_t>(place, smallest, values);
  return values;
}

std::string encode_texts(std::span<const std::string_view> texts, std::span<const std::uint64_t> ids) {
  std::string bytes;
  append_number<std::uint32_t>(bytes, static_cast<std::uint32_t>(texts.size()));
  for (const std::string_view text : texts)
    append_number<std::uint32_t>(bytes, static_cast<std::uint32_t>(text.size()));
  for (const std::string_view text : texts)
    bytes += text;
  append_numbers(ids, bytes);
  return bytes;
}

Result<Texts> decode_texts(Bytes piece, std::size_t rows) {
  if (piece.size() < sizeof(std::uint32_t)) return no_piece();
  const auto count = number_at<std::uint32_t>(piece, 0);
  std::size_t place = (std::size_t{count} + 1) * sizeof(std::uint32_t);
  if (count > rows || place > piece.size()) return no_piece();
  Texts result;
  result.texts.reserve(count);
  for (std::size_t text = 0; text < count; ++text) {
    const auto size = number_at<std::uint32_t>(piece, (text + 1) * sizeof(std::uint32_t));
    if (size > piece.size() - place) return no_piece();
    result.texts.push_back(as_text(piece.subspan(place, size)));
    place += size;
  }
  auto ids = decode_numbers(piece.subspan(place), rows);
  if (!ids) return ids.error();
  for (const std::uint64_t id : *ids)
    if (id >= count) return no_piece();
  result.ids = std::move(*ids);
  return result;
}

}  // namespace callgate::index
