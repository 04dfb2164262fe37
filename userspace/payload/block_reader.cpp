#include "payload/block_reader.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/append_file.hpp"

namespace callgate::payload {
namespace {

constexpr std::size_t most_blocks = 1U << 20U;

Error erased() {
  return make_error("payload_erased", "the payload was erased on request");
}

}  // namespace

Error BlockReader::damaged(std::uint64_t offset) const {
  return make_error(
      "payload_damaged",
      fmt::format("{} is damaged at byte {}: restore it from a copy of the disk", path_, offset));
}

Result<void> BlockReader::open(std::uint64_t number) {
  if (file_ && number_ == number) return {};
  auto file = files_.open_file(number, path_);
  if (!file) return file.error();
  file_ = std::move(*file);
  number_ = number;
  return {};
}

Result<void> BlockReader::read(std::span<std::uint8_t> to, std::uint64_t offset) const {
  auto outcome = read_at(file_.get(), to, offset, path_);
  if (!outcome && outcome.error().code == "short_file") return damaged(offset);
  return outcome;
}

// An unsound header is read again: the first time may have seen half of an eraser's mark.
template <typename Header>
Result<std::optional<Header>> BlockReader::read_header(std::uint64_t offset,
                                                       std::optional<Header> (*parse)(Bytes)) const {
  std::optional<Header> header;
  for (int attempt = 0; attempt < 2 && !header; ++attempt) {
    std::array<std::uint8_t, sizeof(Header)> bytes{};
    CALLGATE_TRY(read(bytes, offset));
    header = parse(bytes);
  }
  return header;
}

Result<BlockHeader> BlockReader::header_at(std::uint64_t pointer) {
  CALLGATE_TRY(open(pointer_number(pointer)));
  const std::uint64_t offset = pointer_offset(pointer);
  if (offset > largest_file) return damaged(offset);
  const auto found = read_header(offset, parse_block_header);
  if (!found) return found.error();
  const auto& header = *found;
  // What comes before lies before: so a chain has an end.
  if (!header || header->call != call_ || header->previous >= pointer) return damaged(offset);
  if (header->type == FrameType::erased_block) return erased();
  return *header;
}

Result<std::vector<std::uint64_t>> BlockReader::chain(std::uint64_t last) {
  std::vector<std::uint64_t> pointers;
  while (last != 0) {
    if (pointers.size() == most_blocks) {
      return make_error("payload_too_long",
                        fmt::format("a call has more than {} blocks of payload: export the "
                                    "files instead",
                                    most_blocks));
    }
    const auto header = header_at(last);
    if (!header) return header.error();
    pointers.push_back(last);
    last = header->previous;
  }
  std::reverse(pointers.begin(), pointers.end());
  return pointers;
}

Result<void> BlockReader::take_key(std::uint32_t frame) {
  const std::uint64_t place = make_pointer(number_, frame);
  if (key_place_ == place) return {};
  key_place_ = 0;
  const auto found = read_header(frame, parse_key_header);
  if (!found) return found.error();
  const auto& header = *found;
  if (!header) return damaged(frame);
  if (header->type == FrameType::erased_key) return erased();
  const auto wrapping = keys_.find(header->wrapped_by);
  if (!wrapping) return wrapping.error();
  auto key = unwrap(*wrapping, header->wrapped);
  if (!key) return damaged(frame);
  key_ = *key;
  session_ = header->session;
  key_place_ = place;
  return {};
}

Result<Bytes> BlockReader::load(std::uint64_t pointer, std::uint64_t previous) {
  const auto header = header_at(pointer);
  if (!header) return header.error();
  const std::uint64_t offset = pointer_offset(pointer);
  if (header->previous != previous) return damaged(offset);
  CALLGATE_TRY(take_key(header->key_frame));
  stored_.resize(header->stored + tag_size);
  CALLGATE_TRY(read(stored_, offset + sizeof(BlockHeader)));
  if (!cipher_.decrypt(key_, *header, {pointer, session_}, stored_)) {
    // It may have been erased since its header was read.
    const auto again = header_at(pointer);
    return again ? damaged(offset) : again.error();
  }
  const Bytes content = Bytes(stored_).first(header->stored);
  if (header->codec == Codec::raw) return content;
  plain_.resize(header->plain);
  if (!decompressor_.decompress(header->codec, content, plain_)) return damaged(offset);
  return Bytes(plain_);
}

}  // namespace callgate::payload
