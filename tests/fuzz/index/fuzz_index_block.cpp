// Arbitrary bytes as a column, a summary and a cursor of the index: refused, or the same when written and
// read again. The first two bytes say how many rows the block has.
#include <cstdint>

#include "index/block.hpp"
#include "index/little_endian.hpp"
#include "index/order.hpp"
#include "index/piece.hpp"

namespace {

using namespace callgate;
using namespace callgate::index;

void check(bool holds) {
  if (!holds) __builtin_trap();
}

void read_numbers(Bytes bytes, std::size_t rows) {
  const auto numbers = decode_numbers(bytes, rows);
  if (!numbers) return;
  check(numbers->size() == rows);
  check(decode_numbers(as_bytes(encode_numbers(*numbers)), rows).value() == *numbers);
}

void read_texts(Bytes bytes, std::size_t rows) {
  const auto texts = decode_texts(bytes, rows);
  if (!texts) return;
  check(texts->ids.size() == rows);
  for (const std::uint64_t id : texts->ids)
    check(id < texts->texts.size());
  const std::string again = encode_texts(texts->texts, texts->ids);
  const auto same = decode_texts(as_bytes(again), rows);
  check(same && same->texts == texts->texts && same->ids == texts->ids);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Bytes bytes(data, size);
  if (bytes.size() < sizeof(std::uint16_t)) return 0;
  const std::size_t rows = number_at<std::uint16_t>(bytes, 0) % (most_rows + 1);
  bytes = bytes.subspan(sizeof(std::uint16_t));
  read_numbers(bytes, rows);
  read_texts(bytes, rows);
  if (const auto summary = decode_summary(bytes, 1)) check(as_text(bytes) == encode_summary(*summary));
  for (const Sort sort : {Sort::newest, Sort::longest}) {
    const auto rank = parse_cursor(sort, as_text(bytes));
    check(!rank || make_cursor(sort, *rank) == as_text(bytes));
  }
  return 0;
}
