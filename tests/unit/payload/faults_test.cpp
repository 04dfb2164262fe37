#include <atomic>
#include <csignal>
#include <fstream>
#include <thread>

#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fixture.hpp"
#include "payload/erase.hpp"

namespace callgate::payload {
namespace {

using test::TemporaryDirectory;

// No file of this process grows beyond `bytes` while this lives.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before_) == 0);
    const rlimit limit{bytes, before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

TEST_CASE("A batch that does not fit on the disk is written when there is space again") {
  const TemporaryDirectory directory;
  const Store store(directory / "payload");
  Stream before = stream_of(1, 2);
  store.add_call(before, noise(20'000), "");
  REQUIRE(store.writer->commit().has_value());
  Stream stream = stream_of(1, 3);
  Stream other_class = stream_of(1, 4, 60);
  const std::string body = noise(3U << 20U);
  {
    std::string copy = body;
    store.add_call(stream, copy, "");
    store.add_call(other_class, "other", "");
    copy.assign(copy.size(), '\0');  // blocks need the caller's bytes no more
    const FileSizeLimit limit(1U << 20U);
    for (int attempt = 0; attempt < 3; ++attempt) {
      CHECK(store.writer->commit().error().code == "disk_full");
      CHECK(store.writer->pending() > body.size());
      CHECK(store.read(stream, Direction::request, Kind::body).error().code == "payload_damaged");
      CHECK(store.read(query_of(before)).has_value());
    }
    // More of a batch may come before there is space.
    Piece more = request_body;
    more.offset = body.size();
    store.writer->add(stream, more, as_bytes("more"));
    store.writer->seal(stream);
    CHECK(store.writer->commit().error().code == "disk_full");
  }
  REQUIRE(store.writer->commit().has_value());
  CHECK(store.writer->pending() == 0);
  CHECK(store.read(stream, Direction::request, Kind::body).value() == body + "more");
  CHECK(store.read(other_class, Direction::request, Kind::body).value() == "other");
  CHECK(store.read(before, Direction::request, Kind::body).value() == noise(20'000));
}

TEST_CASE("A file that another process made is not written to") {
  const TemporaryDirectory directory;
  const Store store(directory / "payload");
  std::ofstream(directory / "payload/payload-0-1.log") << "somebody else's";
  Stream stream = stream_of(1, 2);
  store.add_call(stream, "request", "");
  CHECK(store.writer->commit().error().code == "exists");
  CHECK(store.writer->commit().error().code == "exists");
  CHECK(read_file(directory / "payload/payload-0-1.log").value() == "somebody else's");
  REQUIRE(::unlink((directory / "payload/payload-0-1.log").c_str()) == 0);
  REQUIRE(store.writer->commit().has_value());
  CHECK(store.read(stream, Direction::request, Kind::body).value() == "request");
}

std::uint64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t all = 0;
  std::uint64_t resident = 0;
  statm >> all >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

TEST_CASE("A large body needs no more memory than a batch of it") {
  const TemporaryDirectory directory;
  const Store store(directory / "payload");
  Stream stream = stream_of(1, 2);
  const std::string part = noise(1U << 20U);
  constexpr std::uint64_t parts = 64;
  const std::uint64_t before = resident_bytes();
  std::uint64_t pending = 0;
  Piece piece = response_body;
  for (std::uint64_t number = 0; number < parts; ++number) {
    store.writer->add(stream, piece, as_bytes(part));
    piece.offset += part.size();
    store.writer->seal(stream);
    pending = std::max(pending, store.writer->pending());
    REQUIRE(store.writer->commit().has_value());
  }
  std::uint64_t seen = 0;
  bool same = true;
  const auto visited = visit(*store.files, store.keys, query_of(stream), [&](const PieceView& view) {
    same = same && view.piece.offset == seen &&
           part.compare(seen % part.size(), view.bytes.size(), as_text(view.bytes)) == 0;
    seen += view.bytes.size();
    return true;
  });
  CHECK(visited.value() == Visited::all);
  CHECK(same);
  CHECK(seen == parts * part.size());
  CHECK(pending < 2 * part.size());
  CHECK(resident_bytes() < before + (24U << 20U));
}

TEST_CASE("Readers, erasure, removal and sync go on beside the writer") {
  const TemporaryDirectory directory;
  WriterOptions options;
  options.file_size = 200'000;
  const Store store(directory / "payload", options);
  constexpr std::uint64_t calls = 400;
  std::vector<std::atomic<std::uint64_t>> pointers(calls);  // of committed calls
  std::atomic<bool> done{false};
  std::atomic<std::uint64_t> whole{0};
  std::atomic<std::uint64_t> wrong{0};
  const auto body_of = [](std::uint64_t call) { return noise(100 + call * 37 % 5'000, call + 1); };

  const auto read_calls = [&](std::uint64_t step) {
    for (std::uint64_t at = 0; !done || at % calls != 0; at += step) {
      const std::uint64_t call = at % calls;
      Query query;
      query.call = {1, 0, call};
      query.last = pointers[call];
      query.kind = Kind::body;
      if (query.last == 0) continue;
      const auto read = store.read(query);
      if (read && *read == body_of(call)) {
        ++whole;
      } else if (read || (read.error().code != "payload_erased" && read.error().code != "payload_expired")) {
        ++wrong;
      }
    }
  };
  std::vector<std::thread> threads;
  threads.emplace_back(read_calls, 1);
  threads.emplace_back([&] {
    while (!done)
      if (!store.files->sync()) ++wrong;
  });
  threads.emplace_back([&] {
    for (std::uint64_t call = 0; call < calls; call += 10) {
      while (pointers[call] == 0)
        std::this_thread::yield();
      if (call % 20 == 0 && !erase_call(*store.files, {1, 0, call}, pointers[call])) ++wrong;
      if (call % 100 == 50) {
        const auto removed = store.files->remove_file(pointer_number(pointers[call]));
        if (!removed && removed.error().code != "file_in_use" && removed.error().code != "payload_expired")
          ++wrong;
      }
    }
  });
  for (std::uint64_t call = 0; call < calls; ++call) {
    Stream stream = stream_of(1'000 + call / 3, call);
    const std::string body = body_of(call);
    store.writer->add(stream, request_body, as_bytes(body));
    store.writer->seal(stream);
    if (!store.writer->commit()) ++wrong;
    pointers[call] = stream.last;
  }
  done = true;
  for (std::thread& thread : threads)
    thread.join();
  CHECK(wrong == 0);
  CHECK(whole > 0);
  CHECK(store.files->list().value().size() > 1);
}

}  // namespace
}  // namespace callgate::payload
