#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>

#include <sys/stat.h>

#include "fixture.hpp"

namespace callgate::payload {
namespace {

namespace fs = std::filesystem;
using test::TemporaryDirectory;

TEST_CASE("What a call carried is read back, whole and in parts") {
  const TemporaryDirectory directory;
  const Store store(directory / "payload");
  const std::string request =
      GENERATE(as<std::string>(), "", json(300), json(200'000), noise(5'000), noise(300'000));
  const std::string response = json(1'000);
  Stream stream = stream_of(1, 2);
  store.add_call(stream, request, response);
  CHECK(stream.last != 0);
  CHECK(store.read(query_of(stream)).error().code == "payload_expired");  // nothing is there yet
  CHECK(store.writer->pending() > 0);
  REQUIRE(store.writer->commit().has_value());
  CHECK(store.writer->pending() == 0);
  CHECK(store.read(stream, Direction::request, Kind::body).value() == request);
  CHECK(store.read(stream, Direction::response, Kind::body).value() == response);
  CHECK(store.read(stream, Direction::response, Kind::trailers).value().empty());
  CHECK(store.read(query_of(stream)).value() ==
        "POST / HTTP/1.1\r\n\r\n" + request + "HTTP/1.1 200 OK\r\n\r\n" + response);
}

TEST_CASE("A call that does not compress is looked at again now and then") {
  const TemporaryDirectory directory;
  const Store store(directory / "payload");
  Stream stream = stream_of(1, 2);
  std::string whole;
  const auto stored = [&](const std::string& bytes) {
    Piece piece = request_body;
    piece.offset = whole.size();
    store.writer->add(stream, piece, as_bytes(bytes));
    store.writer->seal(stream);
    const std::uint64_t size = store.writer->pending();
    REQUIRE(store.writer->commit().has_value());
    whole += bytes;
    return size;
  };
  CHECK(stored(noise(50'000)) > 50'000);
  CHECK(stored(json(50'000)) > 50'000);  // passed over
  std::uint64_t least = 50'000;
  for (int block = 0; block < 8; ++block)
    least = std::min(least, stored(json(50'000)));
  CHECK(least < 20'000);
  CHECK(stored(json(50'000)) < 20'000);
  CHECK(store.read(query_of(stream)).value() == whole);
}

TEST_CASE("A call without payload has none") {
  const TemporaryDirectory directory;
  const Store store(directory / "payload");
  Stream stream = stream_of(1, 2);
  CHECK(store.writer->seal(stream) == 0);
  store.writer->add(stream, request_body, {});
  CHECK(store.writer->seal(stream) == 0);
  REQUIRE(store.writer->commit().has_value());
  CHECK(store.files->list().value().empty());
  CHECK(store.read(query_of(stream)).value().empty());
}

TEST_CASE("Blocks of a call are played in order, across batches, files and restarts") {
  const TemporaryDirectory directory;
  Stream stream = stream_of(1, 2);
  Stream other = stream_of(3, 4);
  std::string whole;
  for (int round = 0; round < 4; ++round) {
    WriterOptions options;
    options.file_size = round % 2 == 0 ? options.file_size : 1;
    const Store store(directory / "payload", options);
    for (int batch = 0; batch < 3; ++batch) {
      const std::string bytes = noise(5'000, whole.size() + 1);
      Piece piece = request_body;
      piece.offset = whole.size();
      piece.time_ns = whole.size();
      store.writer->add(stream, piece, as_bytes(bytes));
      store.writer->add(other, piece, as_bytes("x"));
      const std::uint64_t before = stream.last;
      CHECK(store.writer->seal(stream) > before);
      store.writer->seal(other);
      REQUIRE(store.writer->commit().has_value());
      whole += bytes;
    }
    CHECK(store.read(query_of(stream)).value() == whole);
    CHECK(store.read(query_of(other)).value().size() == whole.size() / 5'000);
    std::uint64_t offset = 0;
    const auto visited = visit(*store.files, store.keys, query_of(stream), [&](const PieceView& view) {
      CHECK(view.piece.offset == offset);
      CHECK(view.piece.time_ns == offset);
      offset += view.bytes.size();
      return true;
    });
    CHECK(visited.value() == Visited::all);
  }
}

TEST_CASE("A reader says where to stop") {
  const TemporaryDirectory directory;
  const Store store(directory / "payload");
  Stream stream = stream_of(1, 2);
  const std::string body = json(3U << 20U);
  store.add_call(stream, body, "answer");
  REQUIRE(store.writer->commit().has_value());
  Query query = query_of(stream);
  query.kind = Kind::body;
  for (const std::uint64_t limit :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{2} << 20U, std::uint64_t{body.size()}}) {
    query.limit = limit;
    std::string seen;
    const auto visited = visit(*store.files, store.keys, query, [&](const PieceView& view) {
      seen += as_text(view.bytes);
      return true;
    });
    CHECK(visited.value() == Visited::cut);
    CHECK(seen == body.substr(0, limit));
  }
  query.limit = body.size() + 6;
  CHECK(visit(*store.files, store.keys, query, [](const PieceView&) { return true; }).value() ==
        Visited::all);
  int shown = 0;
  CHECK(visit(*store.files, store.keys, query, [&](const PieceView&) { return ++shown < 2; }).value() ==
        Visited::stopped);
  CHECK(shown == 2);
}

TEST_CASE("Files are private, and one belongs to each class of retention") {
  const TemporaryDirectory directory;
  const Store store(directory / "payload");
  Stream first = stream_of(1, 2);
  Stream second = stream_of(1, 3, 86'400);
  store.add_call(first, "kept by default", "1");
  store.add_call(second, "kept a day", "2");
  REQUIRE(store.writer->commit().has_value());
  REQUIRE(store.files->sync().has_value());
  REQUIRE(store.files->sync().has_value());
  CHECK(store.read(first, Direction::request, Kind::body).value() == "kept by default");
  CHECK(store.read(second, Direction::request, Kind::body).value() == "kept a day");
  const auto files = store.files->list().value();
  REQUIRE(files.size() == 2);
  CHECK(files[0].retention == 0);
  CHECK(files[1].retention == 86'400);
  CHECK(files[0].last_block_ns > 0);
  struct stat status {};
  REQUIRE(::stat((directory / "payload").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0700);
  REQUIRE(::stat((directory / "payload/payload-86400-2.log").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0600);
  CHECK(files[1].size == static_cast<std::uint64_t>(status.st_size));
}

TEST_CASE("Nothing that a call carried, and no key, lies in the files as it is") {
  const TemporaryDirectory directory;
  const Store store(directory / "payload");
  Stream stream = stream_of(1, 2);
  store.add_call(stream, "the secret of the request", noise(100'000) + "the secret of the response");
  REQUIRE(store.writer->commit().has_value());
  const std::string file = read_file(store.only_file()).value();
  CHECK(file.find("secret") == std::string::npos);
  CHECK(file.find("HTTP/1.1") == std::string::npos);
  CHECK(file.find(as_text(Bytes(store.keys.newest().key.data(), 8))) == std::string::npos);
  CHECK(file.find(as_text(store.keys.newest().id)) != std::string::npos);  // the control: finding works
}

TEST_CASE("A file is closed when it is full or old") {
  const TemporaryDirectory directory;
  WriterOptions options;
  SECTION("full") {
    options.file_size = 1;
  }
  SECTION("old") {
    options.file_age = std::chrono::seconds(0);
  }
  const Store store(directory / "payload", options);
  Stream stream = stream_of(1, 2);
  for (std::size_t round = 1; round <= 3; ++round) {
    store.add_call(stream, "again", "and again");
    REQUIRE(store.writer->commit().has_value());
    CHECK(store.files->list().value().size() == round);
  }
  REQUIRE(store.files->sync().has_value());
}

TEST_CASE("A number is never given twice, whichever files are removed") {
  const TemporaryDirectory directory;
  std::uint64_t last = 0;
  for (int round = 0; round < 4; ++round) {
    const Store store(directory / "payload");
    Stream stream = stream_of(1, 2);
    store.add_call(stream, "request", "response");
    REQUIRE(store.writer->commit().has_value());
    CHECK(stream.last > last);
    CHECK(pointer_number(stream.last) == pointer_number(last) + 1);
    last = stream.last;
    for (const FileInfo& file : store.files->list().value())
      REQUIRE(store.files->remove_file(file.number).has_value());
    CHECK(store.files->list().value().empty());
    CHECK(store.read(query_of(stream)).error().code == "payload_expired");
    CHECK(store.files->remove_file(pointer_number(last)).error().code == "payload_expired");
  }
  std::size_t left = 0;
  for (const auto& entry : fs::directory_iterator(directory / "payload")) {
    CHECK(fs::file_size(entry.path()) == 0);
    ++left;
  }
  CHECK(left <= 2);
}

TEST_CASE("A file is not removed under a batch, and not written any more once it was") {
  const TemporaryDirectory directory;
  const Store store(directory / "payload");
  Stream first = stream_of(1, 2);
  store.add_call(first, "first", "1");
  REQUIRE(store.writer->commit().has_value());
  Stream second = stream_of(1, 3);
  store.add_call(second, "second", "2");
  CHECK(store.files->remove_file(pointer_number(first.last)).error().code == "file_in_use");
  REQUIRE(store.writer->commit().has_value());
  REQUIRE(store.files->remove_file(pointer_number(first.last)).has_value());
  Stream third = stream_of(1, 4);
  store.add_call(third, "third", "3");
  REQUIRE(store.writer->commit().has_value());
  CHECK(store.read(second, Direction::request, Kind::body).error().code == "payload_expired");
  CHECK(store.read(third, Direction::request, Kind::body).value() == "third");
  CHECK(pointer_number(third.last) != pointer_number(second.last));
}

TEST_CASE("A reader that has a file open goes on when it is removed") {
  const TemporaryDirectory directory;
  const Store store(directory / "payload");
  Stream stream = stream_of(1, 2);
  const std::string body = noise(5U << 20U);
  store.add_call(stream, body, "");
  REQUIRE(store.writer->commit().has_value());
  std::string seen;
  Query query = query_of(stream);
  query.kind = Kind::body;
  const auto visited = visit(*store.files, store.keys, query, [&](const PieceView& view) {
    if (seen.empty()) REQUIRE(store.files->remove_file(pointer_number(stream.last)).has_value());
    seen += as_text(view.bytes);
    return true;
  });
  CHECK(visited.value() == Visited::all);
  CHECK(seen == body);
  CHECK(store.read(query).error().code == "payload_expired");
}

TEST_CASE("Files that are none of the store's, or two of one number, are told apart") {
  const TemporaryDirectory directory;
  const std::string path = directory / "payload";
  {
    const Store store(path);
    Stream stream = stream_of(1, 2);
    store.add_call(stream, "request", "response");
    REQUIRE(store.writer->commit().has_value());
  }
  for (const char* const name :
       {"payload-0-01.log", "payload-0-.log", "payload--3.log", "payload-0-3.log.old", "payload-0-0.log",
        "payload-0-16777216.log", "payload-4294967296-3.log", "notes"}) {
    std::ofstream(path + "/" + name) << "x";
  }
  CHECK(Files::open(path).value()->list().value().size() == 1);
  std::ofstream(path + "/payload-60-1.log") << "x";
  CHECK(Files::open(path).error().code == "payload_store_damaged");
}

TEST_CASE("File sizes that pointers cannot reach are refused") {
  const TemporaryDirectory directory;
  const auto files = Files::open(directory / "payload").value();
  const KeyRing keys = ring_of();
  WriterOptions options;
  options.file_size = largest_file;
  CHECK(Writer::open(*files, keys, options).has_value());
  options.file_size = largest_file + 1;
  CHECK(Writer::open(*files, keys, options).error().code == "bad_options");
  options.file_size = 0;
  CHECK(Writer::open(*files, keys, options).error().code == "bad_options");
}

}  // namespace
}  // namespace callgate::payload
