// Arbitrary bytes as the content of a block, as it is once it was decrypted: the first byte says whether it
// is compressed. What parses is a list of pieces that, put together again, parses to the same.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "payload/compression.hpp"
#include "payload/format.hpp"
#include "payload/piece_list.hpp"

namespace {

using namespace callgate;
using namespace callgate::payload;

bool same(const PieceView& one, const PieceView& other) {
  return one.piece.direction == other.piece.direction && one.piece.kind == other.piece.kind &&
         one.piece.time_ns == other.piece.time_ns && one.piece.offset == other.piece.offset &&
         as_text(one.bytes) == as_text(other.bytes);
}

void parse(Bytes content) {
  std::vector<PieceView> pieces;
  PieceListReader reader(content);
  while (!reader.at_end()) {
    const auto view = reader.next();
    if (!view) return;
    pieces.push_back(*view);
  }
  PieceListBuilder builder;
  for (const PieceView& view : pieces) {
    if (builder.add(view.piece, view.bytes) != view.bytes.size()) __builtin_trap();
  }
  std::string again;
  for (const Bytes part : builder.parts())
    again += as_text(part);
  if (again.size() != builder.size() || again.size() > content.size()) __builtin_trap();
  PieceListReader other(as_bytes(again));
  for (const PieceView& view : pieces) {
    const auto copy = other.next();
    if (!copy || !same(*copy, view)) __builtin_trap();
  }
  if (!other.at_end()) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const Bytes input(data, size);
  if (data[0] % 2 == 0) {
    parse(input.subspan(1));
    return 0;
  }
  static Decompressor decompressor;
  std::vector<std::uint8_t> plain((std::size_t{data[1]} << 8U | data[2]) * 4);
  if (decompressor.decompress(data[0] % 4 == 1 ? Codec::zstd : Codec::zstd_words, input.subspan(3), plain))
    parse(plain);
  return 0;
}
