// Arbitrary bytes as a file of payload. Checksums would keep a fuzzer outside, so those of headers are set
// right first. Whatever it is, it opens, every block in it is read or refused, its sessions can be erased,
// and a new call is stored beside it.
#include <cstdint>
#include <cstring>
#include <vector>

#include "../record/scratch.hpp"
#include "payload/block_reader.hpp"
#include "payload/erase.hpp"
#include "payload/frame_scanner.hpp"
#include "payload/reader.hpp"
#include "payload/writer.hpp"

namespace {

using namespace callgate;
using namespace callgate::payload;

template <typename Header>
void mend(std::vector<std::uint8_t>& bytes, std::size_t at) {
  if (bytes.size() - at < sizeof(Header)) return;
  Header header{};
  std::memcpy(&header, &bytes[at], sizeof(header));
  set_checksum(header);
  std::memcpy(&bytes[at], &header, sizeof(header));
}

void mend(std::vector<std::uint8_t>& bytes) {
  for (std::size_t at = 0; at + sizeof(FrameType) <= bytes.size(); ++at) {
    FrameType type{};
    std::memcpy(&type, &bytes[at], sizeof(type));
    if (type == FrameType::block || type == FrameType::erased_block) mend<BlockHeader>(bytes, at);
    if (type == FrameType::key || type == FrameType::erased_key) mend<KeyHeader>(bytes, at);
  }
}

std::vector<Frame> scan(const Files& files, std::size_t size) {
  std::vector<Frame> found;
  std::string path;
  const auto file = files.open_file(1, path);
  if (!file) return found;
  FrameScanner frames(file->get(), path, size);
  for (;;) {
    const auto frame = frames.next();
    if (!frame) __builtin_trap();
    if (!*frame) return found;
    found.push_back(**frame);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Scratch scratch;
  static const KeyRing keys = KeyRing::parse("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "a key").value();
  scratch.clear();
  std::vector<std::uint8_t> bytes(data, data + size);
  if (size > 0 && data[size - 1] % 2 == 0) mend(bytes);
  scratch.write("payload-0-1.log", bytes);
  const auto files = Files::open(scratch.path());
  if (!files) __builtin_trap();
  for (const Frame& frame : scan(**files, size)) {
    if (const auto* const block = std::get_if<BlockHeader>(&frame.header); block != nullptr) {
      Query query;
      query.call = block->call;
      query.last = make_pointer(1, frame.offset);
      (void)visit(**files, keys, query,
                  [](const PieceView& view) { return view.bytes.size() <= largest_plain; });
      if (frame.offset % 2 == 0) (void)erase_call(**files, block->call, query.last);
    } else if (!erase_session(**files, std::get<KeyHeader>(frame.header).session)) {
      __builtin_trap();
    }
  }
  const auto writer = Writer::open(**files, keys, {});
  if (!writer) __builtin_trap();
  Stream stream;
  stream.call = {7, 7, 7};
  (*writer)->add(stream, {}, as_bytes("new"));
  Query query;
  query.call = stream.call;
  query.last = (*writer)->seal(stream);
  if (!(*writer)->commit() || pointer_number(query.last) != 2) __builtin_trap();
  bool seen = false;
  const auto visited = visit(**files, keys, query, [&](const PieceView& view) {
    seen = as_text(view.bytes) == "new";
    return true;
  });
  if (!visited || !seen) __builtin_trap();
  return 0;
}
