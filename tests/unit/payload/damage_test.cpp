#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <fcntl.h>

#include "fixture.hpp"
#include "payload/block_reader.hpp"
#include "payload/frame_scanner.hpp"

namespace callgate::payload {
namespace {

using test::TemporaryDirectory;

void overwrite(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

// Two sessions, a call with two blocks, compressed and raw ones.
struct SmallFile {
  SmallFile() : store(directory / "payload") {
    store.add_call(first, json(400), noise(100));
    store.add_call(second, noise(80), "");
    REQUIRE(store.writer->commit().has_value());
    Piece more = request_body;
    more.offset = 400;
    store.writer->add(first, more, as_bytes("the rest of the request"));
    store.writer->seal(first);
    REQUIRE(store.writer->commit().has_value());
    path = store.only_file();
    content = read_file(path).value();
    first_text = store.read(query_of(first)).value();
    second_text = store.read(query_of(second)).value();
    REQUIRE(first_text.size() > 500);
    REQUIRE(second_text.size() > 80);
  }

  const TemporaryDirectory directory;
  const Store store;
  Stream first = stream_of(1, 2);
  Stream second = stream_of(3, 4);
  std::string path;
  std::string content;
  std::string first_text;
  std::string second_text;
};

// Reads what can be read: only what was written may come, and all of it unless there is an error.
bool reads_whole(const Store& store, const Stream& stream, const std::string& text) {
  std::string seen;
  const auto visited = visit(*store.files, store.keys, query_of(stream), [&](const PieceView& view) {
    seen += as_text(view.bytes);
    return true;
  });
  REQUIRE(text.substr(0, seen.size()) == seen);
  if (visited) {
    REQUIRE(seen == text);
    return true;
  }
  const std::string& code = visited.error().code;
  REQUIRE((code == "payload_damaged" || code == "key_missing"));
  return false;
}

// The frames of a file, by their places.
std::vector<Frame> frames_of(const std::string& path, std::uint64_t* skipped = nullptr) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  FrameScanner scanner(fd.get(), path, std::filesystem::file_size(path));
  std::vector<Frame> frames;
  for (;;) {
    const auto frame = scanner.next().value();
    if (!frame) break;
    frames.push_back(*frame);
  }
  if (skipped != nullptr) *skipped = scanner.skipped();
  return frames;
}

TEST_CASE("No byte of a file can be changed so that something else is read") {
  SmallFile file;
  REQUIRE(reads_whole(file.store, file.first, file.first_text));  // the control
  REQUIRE(reads_whole(file.store, file.second, file.second_text));
  for (std::size_t at = 0; at < file.content.size(); ++at) {
    for (const unsigned bit : {1U, 0x80U}) {
      std::string changed = file.content;
      changed[at] = static_cast<char>(static_cast<unsigned char>(changed[at]) ^ bit);
      overwrite(file.path, changed);
      const bool first = reads_whole(file.store, file.first, file.first_text);
      const bool second = reads_whole(file.store, file.second, file.second_text);
      REQUIRE(first != second);  // one of them has lost something, and the other nothing
    }
  }
  overwrite(file.path, file.content);
  CHECK(reads_whole(file.store, file.first, file.first_text));
  CHECK(reads_whole(file.store, file.second, file.second_text));
}

TEST_CASE("A file that is torn at any length keeps what is whole, and is not added to") {
  SmallFile file;
  const std::uint64_t end_of_second = frames_of(file.path).at(4).offset;
  std::size_t first = 0;
  std::size_t second = 0;
  for (std::size_t size = 1; size <= file.content.size(); ++size) {
    overwrite(file.path, file.content.substr(0, size));
    const auto files = Files::open(file.directory / "payload");
    REQUIRE(files.has_value());
    const auto reads = [&](const Stream& stream) {
      return visit(**files, file.store.keys, query_of(stream), [](const PieceView&) { return true; })
          .has_value();
    };
    first += reads(file.first) ? 1U : 0U;
    second += reads(file.second) ? 1U : 0U;
  }
  CHECK(first == 1);  // its last block is the file's end
  CHECK(second == file.content.size() - end_of_second + 1);
  overwrite(file.path, file.content.substr(0, file.content.size() - 1));
  const Store again(file.directory / "payload");
  Stream third = stream_of(1, 5);
  again.add_call(third, "third", "");
  REQUIRE(again.writer->commit().has_value());
  CHECK(again.read(third, Direction::request, Kind::body).value() == "third");
  CHECK(std::filesystem::file_size(file.path) == file.content.size() - 1);
}

TEST_CASE("A pointer to nowhere, or to the block of another call, is an error") {
  SmallFile file;
  const auto code = [&](const Id& call, std::uint64_t last) {
    Query query;
    query.call = call;
    query.last = last;
    const auto read = file.store.read(query);
    return read ? std::string() : read.error().code;
  };
  CHECK(code(file.first.call, file.first.last).empty());
  CHECK(code(file.second.call, file.first.last) == "payload_damaged");
  CHECK(code(file.first.call, file.first.last + 1) == "payload_damaged");
  CHECK(code(file.first.call, file.first.last - 1) == "payload_damaged");
  CHECK(code(file.first.call, make_pointer(1, 0)) == "payload_damaged");  // a key
  CHECK(code(file.first.call, make_pointer(1, 1ULL << 39U)) == "payload_damaged");
  CHECK(code(file.first.call, std::uint64_t{1} << 40U) == "payload_damaged");  // no offset
  CHECK(code(file.first.call, make_pointer(2, 0)) == "payload_expired");
  CHECK(code(file.first.call, ~std::uint64_t{0}) == "payload_expired");
  CHECK(code(file.first.call, 1) == "payload_expired");
}

TEST_CASE("A block that was moved, or put under another session, does not verify") {
  SmallFile file;
  const auto frames = frames_of(file.path);
  REQUIRE(frames.size() == 5);
  std::string changed = file.content;
  SECTION("the key of another session") {
    // The second key frame says that it is the first session's.
    REQUIRE(std::holds_alternative<KeyHeader>(frames[2].header));
    KeyHeader key = std::get<KeyHeader>(frames[2].header);
    key.session = file.first.session;
    set_checksum(key);
    std::memcpy(&changed[frames[2].offset], &key, sizeof(key));
  }
  SECTION("another call's id") {
    BlockHeader block = std::get<BlockHeader>(frames[3].header);
    block.call = {1, 0, 99};
    set_checksum(block);
    std::memcpy(&changed[frames[3].offset], &block, sizeof(block));
    file.second.call = block.call;
  }
  SECTION("another place") {
    const std::size_t size = frame_size(std::get<BlockHeader>(frames[3].header));
    changed += changed.substr(frames[3].offset, size);
    file.second.last = make_pointer(1, file.content.size());
  }
  SECTION("another block before it") {
    BlockHeader block = std::get<BlockHeader>(frames[4].header);
    block.previous = 0;
    set_checksum(block);
    std::memcpy(&changed[frames[4].offset], &block, sizeof(block));
    file.second.call = file.first.call;
    file.second.last = file.first.last;
  }
  overwrite(file.path, changed);
  CHECK(file.store.read(query_of(file.second)).error().code == "payload_damaged");
}

TEST_CASE("Frames are found behind a damaged place") {
  SmallFile file;
  std::uint64_t skipped = 0;
  const auto frames = frames_of(file.path, &skipped);
  CHECK(skipped == 0);
  for (std::size_t gone = 0; gone < frames.size(); ++gone) {
    std::string changed = file.content;
    changed[frames[gone].offset + 20] ^= 1;
    overwrite(file.path, changed);
    const auto left = frames_of(file.path, &skipped);
    CHECK(left.size() == frames.size() - 1);
    const std::uint64_t end = gone + 1 < frames.size() ? frames[gone + 1].offset : file.content.size();
    CHECK(skipped == end - frames[gone].offset);
  }
}

TEST_CASE("Sizes in a header that cannot be are refused") {
  BlockHeader header{};
  header.type = FrameType::block;
  header.plain = 100;
  header.stored = 100;
  const auto is_sound = [&] {
    set_checksum(header);
    std::uint8_t bytes[sizeof(header)];
    std::memcpy(bytes, &header, sizeof(header));
    return parse_block_header(bytes).has_value();
  };
  CHECK(is_sound());
  header.stored = 99;
  CHECK(!is_sound());
  header.codec = Codec::zstd;
  CHECK(is_sound());
  header.stored = 100;
  CHECK(!is_sound());
  header.stored = 99;
  header.plain = largest_plain;
  CHECK(is_sound());
  header.plain = largest_plain + 1;
  CHECK(!is_sound());
  header.plain = 100;
  header.codec = Codec{77};
  CHECK(!is_sound());
}

}  // namespace
}  // namespace callgate::payload
