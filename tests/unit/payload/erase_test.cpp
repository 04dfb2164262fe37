#include "payload/erase.hpp"

#include <fstream>

#include <sys/stat.h>

#include "fixture.hpp"

namespace callgate::payload {
namespace {

using test::TemporaryDirectory;

struct stat status_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status;
}

TEST_CASE("A call that is erased is gone from the disk, and no other one is") {
  const TemporaryDirectory directory;
  const Store store(directory / "payload");
  Stream gone = stream_of(1, 2);
  Stream kept = stream_of(1, 3);
  store.add_call(gone, noise(3U << 20U), "answer");
  store.add_call(kept, "kept", "");
  REQUIRE(store.writer->commit().has_value());
  store.add_call(gone, "more", "and more");
  REQUIRE(store.writer->commit().has_value());
  REQUIRE(store.files->sync().has_value());
  const std::string path = store.only_file();
  const std::string before = read_file(path).value();
  const struct stat status = status_of(path);
  const std::uint64_t size = store.files->list().value()[0].size;

  const auto erased = erase_call(*store.files, gone.call, gone.last);
  REQUIRE(erased.has_value());
  CHECK(erased->blocks == 5);
  CHECK(erased->bytes > 3U << 20U);
  CHECK(erased->keys == 0);
  CHECK(store.read(query_of(gone)).error().code == "payload_erased");
  CHECK(store.read(kept, Direction::request, Kind::body).value() == "kept");
  const std::string after = read_file(path).value();
  REQUIRE(after.size() == before.size());
  std::size_t same = 0;
  for (std::size_t at = 0; at + 64 <= before.size(); at += 64)
    same += before.compare(at, 64, after, at, 64) == 0 ? 1U : 0U;
  CHECK(same < 10);
  CHECK(status_of(path).st_mtim.tv_sec == status.st_mtim.tv_sec);
  CHECK(status_of(path).st_mtim.tv_nsec == status.st_mtim.tv_nsec);
  CHECK(store.files->list().value()[0].size <= size);

  const auto again = erase_call(*store.files, gone.call, gone.last);
  REQUIRE(again.has_value());
  CHECK(again->blocks == 0);
  CHECK(store.read(kept, Direction::request, Kind::body).value() == "kept");
}

TEST_CASE("A call is erased in all files, and what is gone already does not stop that") {
  const TemporaryDirectory directory;
  WriterOptions options;
  options.file_size = 1;
  const Store store(directory / "payload", options);
  Stream stream = stream_of(1, 2);
  for (int block = 0; block < 3; ++block) {
    store.add_call(stream, "request", "response");
    REQUIRE(store.writer->commit().has_value());
  }
  REQUIRE(store.files->remove_file(1).has_value());
  CHECK(erase_call(*store.files, stream.call, stream.last)->blocks == 2);
  CHECK(erase_call(*store.files, stream.call, 0)->blocks == 0);
  CHECK(erase_call(*store.files, stream.call, make_pointer(9, 0))->blocks == 0);
  CHECK(store.read(query_of(stream)).error().code == "payload_erased");
}

TEST_CASE("A pointer to another call's block erases nothing") {
  const TemporaryDirectory directory;
  const Store store(directory / "payload");
  Stream stream = stream_of(1, 2);
  store.add_call(stream, "request", "response");
  REQUIRE(store.writer->commit().has_value());
  CHECK(erase_call(*store.files, {1, 0, 99}, stream.last).error().code == "payload_damaged");
  CHECK(erase_call(*store.files, stream.call, stream.last + 1).error().code == "payload_damaged");
  CHECK(store.read(stream, Direction::request, Kind::body).value() == "request");
}

TEST_CASE("A session that is erased is gone from all files with its keys, and no other one is") {
  const TemporaryDirectory directory;
  WriterOptions options;
  options.file_size = 2'000;
  const Store store(directory / "payload", options);
  std::vector<Stream> gone;
  std::vector<Stream> kept;
  for (std::uint64_t call = 0; call < 20; ++call) {
    gone.push_back(stream_of(1, 100 + call, call % 2 == 0 ? 0 : 60));
    kept.push_back(stream_of(2, 200 + call));
    store.add_call(gone.back(), noise(200), "");
    store.add_call(kept.back(), "kept", "");
    REQUIRE(store.writer->commit().has_value());
  }
  const std::size_t files = store.files->list().value().size();
  REQUIRE(files > 3);
  const auto erased = erase_session(*store.files, {1, 0, 1});
  REQUIRE(erased.has_value());
  CHECK(erased->blocks == 20);
  CHECK(erased->keys >= files - 1);
  CHECK(erased->skipped == 0);
  for (const Stream& stream : gone)
    CHECK(store.read(query_of(stream)).error().code == "payload_erased");
  for (const Stream& stream : kept)
    CHECK(store.read(stream, Direction::request, Kind::body).value() == "kept");
  CHECK(erase_session(*store.files, {1, 0, 1})->keys == 0);
  CHECK(erase_session(*store.files, {1, 0, 77})->keys == 0);

  // A session that goes on gets new keys.
  Stream later = stream_of(1, 300);
  store.add_call(later, "later", "");
  REQUIRE(store.writer->commit().has_value());
  CHECK(store.read(later, Direction::request, Kind::body).value() == "later");
}

TEST_CASE("A session is erased around a damaged place") {
  const TemporaryDirectory directory;
  const Store store(directory / "payload");
  Stream first = stream_of(1, 2);
  Stream other = stream_of(2, 3);
  Stream last = stream_of(1, 4);
  store.add_call(first, "first", "");
  store.add_call(other, "other", "");
  store.add_call(last, "last", "");
  REQUIRE(store.writer->commit().has_value());
  const std::string path = store.only_file();
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(pointer_offset(other.last)));
    file << "damaged!";
  }
  const auto erased = erase_session(*store.files, first.session);
  REQUIRE(erased.has_value());
  CHECK(erased->blocks == 2);
  CHECK(erased->skipped > 0);
  CHECK(store.read(query_of(last)).error().code == "payload_erased");
}

}  // namespace
}  // namespace callgate::payload
