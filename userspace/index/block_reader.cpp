#include "index/block_reader.hpp"

namespace callgate::index {

Result<std::string> BlockReader::piece(std::size_t number) const {
  if (place_.memory) return place_.memory->pieces[number];
  return place_.file->read(place_.summary.number, number);
}

Result<const Numbers*> BlockReader::numbers(Number column) {
  auto& known = numbers_[static_cast<std::size_t>(column)];
  if (!known) {
    const auto bytes = piece(piece_of(column));
    if (!bytes) return bytes.error();
    auto decoded = decode_numbers(as_bytes(*bytes), rows());
    if (!decoded) {
      if (place_.file) place_.file->set_damaged();
      return decoded.error();
    }
    known = std::move(*decoded);
  }
  return &*known;
}

Result<const Texts*> BlockReader::texts(Text column) {
  auto& known = texts_[static_cast<std::size_t>(column)];
  if (!known) {
    auto bytes = piece(piece_of(column));
    if (!bytes) return bytes.error();
    auto read = std::make_unique<TextColumn>();
    read->bytes = std::move(*bytes);
    auto decoded = decode_texts(as_bytes(read->bytes), rows());
    if (!decoded) {
      if (place_.file) place_.file->set_damaged();
      return decoded.error();
    }
    read->texts = std::move(*decoded);
    known = std::move(read);
  }
  return &known->texts;
}

}  // namespace callgate::index
