#include "record/ring.hpp"

#include <cstring>
#include <random>
#include <thread>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <sys/stat.h>

#include "record/ring_layout.hpp"
#include "temporary.hpp"

namespace callgate::record {
namespace {

constexpr std::size_t small = 64U << 10U;

struct Ring {
  explicit Ring(std::size_t capacity = small)
      : path(directory / "ring"),
        file(create_ring(path, capacity, {7, 3}).value()),
        writer(RingWriter::map(file.get()).value()),
        reader(RingReader::open(open_again()).value()) {}

  Fd open_again() const { return Fd(::open(path.c_str(), O_RDWR | O_CLOEXEC)); }

  // Writes an event of `size` bytes filled with `mark`.
  bool put(std::size_t size, std::uint8_t mark) {
    std::uint8_t* place = writer.reserve(size);
    if (place == nullptr) return false;
    const EventHeader header{static_cast<std::uint32_t>((size + 7U) & ~7U), EventType::payload, 0, mark};
    std::memset(place, mark, header.size);
    std::memcpy(place, &header, sizeof(header));
    writer.commit();
    return true;
  }

  void scribble(std::size_t offset, const void* bytes, std::size_t size) const {
    REQUIRE(::pwrite(file.get(), bytes, size, static_cast<off_t>(offset)) == static_cast<ssize_t>(size));
  }
  void scribble_position(std::size_t offset, std::uint64_t value) const {
    const RingPosition position{value, ~value};
    scribble(offset, &position, sizeof(position));
  }

  test::TemporaryDirectory directory;
  std::string path;
  Fd file;
  RingWriter writer;
  RingReader reader;
};

std::vector<std::uint8_t> marks(Bytes events) {
  std::vector<std::uint8_t> found;
  while (!events.empty()) {
    EventHeader header{};
    std::memcpy(&header, events.data(), sizeof(header));
    for (std::size_t at = sizeof(header); at < header.size; ++at)
      REQUIRE(events[at] == header.time_ns);
    found.push_back(static_cast<std::uint8_t>(header.time_ns));
    events = events.subspan(header.size);
  }
  return found;
}

TEST_CASE("A new ring is a private file that says whose it is, and cannot be created twice") {
  Ring ring;
  struct stat status {};
  REQUIRE(::stat(ring.path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0600U);
  CHECK(status.st_blocks * 512 >= static_cast<blkcnt_t>(small));
  CHECK(ring.reader.owner() == RingOwner{7, 3});
  CHECK(create_ring(ring.path, small, {1, 1}).error().code == "exists");
  CHECK(create_ring(ring.path + "2", small + 1, {1, 1}).error().code == "bad_capacity");
  CHECK(create_ring(ring.path + "2", small / 2, {1, 1}).error().code == "bad_capacity");
}

TEST_CASE("A ring is abandoned when nobody has its open file or a mapping of it any more") {
  test::TemporaryDirectory directory;
  Fd file = create_ring(directory / "ring", small, {1, 1}).value();
  const Fd own(::open((directory / "ring").c_str(), O_RDWR | O_CLOEXEC));
  CHECK_FALSE(ring_abandoned(own.get()).value());
  auto writer = std::make_unique<RingWriter>(RingWriter::map(file.get()).value());
  file.reset();
  CHECK_FALSE(ring_abandoned(own.get()).value());
  writer.reset();
  CHECK(ring_abandoned(own.get()).value());
}

TEST_CASE("Nothing is visible before it is committed") {
  Ring ring;
  REQUIRE(ring.writer.reserve(64) != nullptr);
  CHECK(ring.reader.read(max_event_size)->empty());
  REQUIRE(ring.put(64, 1));
  CHECK(marks(*ring.reader.read(max_event_size)) == std::vector<std::uint8_t>{1});
  CHECK(ring.reader.read(max_event_size)->empty());
}

TEST_CASE("A full ring refuses, and takes more once space is released") {
  Ring ring;
  std::size_t events = 0;
  while (ring.put(1024, 5))
    ++events;
  CHECK(events == small / 1024);
  CHECK(ring.writer.room() == 0);
  CHECK(ring.reader.read(max_event_size)->size() == small);
  CHECK_FALSE(ring.put(16, 1));
  REQUIRE(ring.reader.release().has_value());
  CHECK(ring.put(16, 1));
  CHECK(marks(*ring.reader.read(max_event_size)) == std::vector<std::uint8_t>{1});
}

TEST_CASE("What was read but not released is read again after a rewind or by a new reader") {
  Ring ring;
  REQUIRE(ring.put(32, 1));
  CHECK(marks(*ring.reader.read(max_event_size)).size() == 1);
  REQUIRE(ring.reader.release().has_value());
  REQUIRE(ring.put(32, 2));
  CHECK(marks(*ring.reader.read(max_event_size)) == std::vector<std::uint8_t>{2});
  ring.reader.rewind();
  CHECK(marks(*ring.reader.read(max_event_size)) == std::vector<std::uint8_t>{2});
  auto second = RingReader::open(ring.open_again()).value();
  CHECK(marks(*second.read(max_event_size)) == std::vector<std::uint8_t>{2});
}

TEST_CASE("Events of every size wrap around whole and in order") {
  Ring ring;
  std::mt19937 random(1);
  std::uint8_t next = 0;
  std::uint8_t expected = 0;
  for (int round = 0; round < 20'000; ++round) {
    const std::size_t size = sizeof(EventHeader) + random() % (round % 50 == 0 ? small / 2 - 16 : 700);
    if (ring.put(size, next)) {
      ++next;
    } else {
      for (const auto mark : marks(*ring.reader.read(max_event_size)))
        REQUIRE(mark == expected++);
      REQUIRE(ring.reader.release().has_value());
    }
  }
  for (const auto mark : marks(*ring.reader.read(max_event_size)))
    REQUIRE(mark == expected++);
  CHECK(expected == next);
}

TEST_CASE("Sizes that no event may have are not given out") {
  Ring ring;
  CHECK(ring.writer.reserve(sizeof(EventHeader) - 1) == nullptr);
  CHECK(ring.writer.reserve(small / 2 + 1) == nullptr);
  CHECK(ring.writer.reserve(small / 2) != nullptr);
  CHECK(ring.writer.free_space() == small / 2);
}

TEST_CASE("The synced position travels to the writer") {
  Ring ring;
  CHECK(ring.writer.synced_position() == 0);
  REQUIRE(ring.put(64, 1));
  REQUIRE(ring.reader.set_synced_position(64).has_value());
  CHECK(ring.writer.synced_position() == 64);
  CHECK(ring.writer.written_position() == 64);
}

TEST_CASE("The writer believes no synced position that cannot be") {
  Ring ring;
  REQUIRE(ring.put(64, 1));
  REQUIRE(ring.put(64, 2));
  REQUIRE(ring.reader.set_synced_position(64).has_value());
  REQUIRE(ring.writer.synced_position() == 64);
  const std::uint64_t torn = 128;
  ring.scribble(offsetof(RingHeader, synced), &torn, sizeof(torn));
  CHECK(ring.writer.synced_position() == 64);
  ring.scribble_position(offsetof(RingHeader, synced), 136);
  CHECK(ring.writer.synced_position() == 64);
  ring.scribble_position(offsetof(RingHeader, synced), 8);
  CHECK(ring.writer.synced_position() == 64);
  ring.scribble_position(offsetof(RingHeader, synced), 128);
  CHECK(ring.writer.synced_position() == 128);
}

TEST_CASE("What the writer wants to be on disk travels to the reader, as far as it can be") {
  Ring ring;
  CHECK(ring.reader.sync_wanted() == 0);
  REQUIRE(ring.put(64, 1));
  CHECK(ring.reader.sync_wanted() == 0);
  ring.writer.want_sync();
  CHECK(ring.reader.sync_wanted() == 64);
  REQUIRE(ring.put(64, 2));
  CHECK(ring.reader.sync_wanted() == 64);
  ring.writer.want_sync();
  CHECK(ring.reader.sync_wanted() == 128);
  const std::uint64_t torn = 64;
  ring.scribble(offsetof(RingHeader, sync_wanted), &torn, sizeof(torn));
  CHECK(ring.reader.sync_wanted() == 0);
  const std::uint64_t value =
      GENERATE(std::uint64_t{136}, 65, small + 8, ~std::uint64_t{0}, ~std::uint64_t{7});
  ring.scribble_position(offsetof(RingHeader, sync_wanted), value);
  CHECK(ring.reader.sync_wanted() == 0);
}

TEST_CASE("A hostile position of the writer is an error") {
  Ring ring;
  REQUIRE(ring.put(64, 1));
  REQUIRE(ring.reader.read(max_event_size).has_value());
  const std::uint64_t value =
      GENERATE(std::uint64_t{0}, 8, 65, 64 + 4, small + 8, ~std::uint64_t{0}, ~std::uint64_t{7});
  ring.scribble_position(offsetof(RingHeader, written), value);
  CHECK(ring.reader.read(max_event_size).error().code == "ring_corrupt");
}

TEST_CASE("A position that is being changed is not believed") {
  Ring ring;
  REQUIRE(ring.put(64, 1));
  const std::uint64_t value = 128;
  ring.scribble(offsetof(RingHeader, written), &value, sizeof(value));
  CHECK(ring.reader.read(max_event_size)->empty());
  ring.scribble_position(offsetof(RingHeader, written), 64);
  CHECK(ring.reader.read(max_event_size)->size() == 64);
}

TEST_CASE("A hostile size of an event is an error, after what came before it") {
  Ring ring;
  REQUIRE(ring.put(64, 1));
  REQUIRE(ring.put(64, 2));
  const std::uint32_t size = GENERATE(0U, 8U, 15U, 17U, 72U, 4096U, 65528U, 65536U, 0xfffffff8U, 0xffffffffU);
  ring.scribble(ring_header_size + 64, &size, sizeof(size));
  CHECK(marks(*ring.reader.read(max_event_size)) == std::vector<std::uint8_t>{1});
  CHECK(ring.reader.read(max_event_size).error().code == "ring_corrupt");
}

TEST_CASE("Hostile padding is an error") {
  Ring ring;
  REQUIRE(ring.put(64, 1));
  const std::uint16_t padding = 0;
  ring.scribble(ring_header_size + 4, &padding, sizeof(padding));
  const std::uint32_t size = GENERATE(0U, 64U, 128U, 65536U, 65528U, 0xffffffffU);
  ring.scribble(ring_header_size, &size, sizeof(size));
  CHECK(ring.reader.read(max_event_size).error().code == "ring_corrupt");
}

TEST_CASE("A ring that was truncated is an error") {
  Ring ring;
  REQUIRE(ring.put(64, 1));
  SECTION("to nothing") {
    REQUIRE(::ftruncate(ring.file.get(), 0) == 0);
  }
  SECTION("to the header") {
    REQUIRE(::ftruncate(ring.file.get(), ring_header_size) == 0);
  }
  SECTION("to half an event") {
    REQUIRE(::ftruncate(ring.file.get(), ring_header_size + 32) == 0);
  }
  CHECK(ring.reader.read(max_event_size).error().code == "ring_corrupt");
  CHECK(RingReader::open(ring.open_again()).has_error() ==
        (std::filesystem::file_size(ring.path) != ring_header_size + small));
}

TEST_CASE("A file whose header was overwritten is refused") {
  Ring ring;
  const std::uint64_t wrong = 0x1234567;
  const std::size_t offset = GENERATE(offsetof(RingHeader, magic), offsetof(RingHeader, version),
                                      offsetof(RingHeader, capacity), offsetof(RingHeader, released));
  REQUIRE(RingReader::open(ring.open_again()).has_value());
  ring.scribble(offset, &wrong, sizeof(wrong));
  CHECK(RingReader::open(ring.open_again()).error().code == "ring_corrupt");
}

TEST_CASE("A writer and a reader in different threads pass a million events") {
  Ring ring(1U << 20U);
  constexpr std::uint64_t count = 1'000'000;
  std::thread writing([&ring] {
    for (std::uint64_t number = 0; number < count;) {
      const std::size_t size = 24 + 8 * (number % 16);
      std::uint8_t* place = ring.writer.reserve(size);
      if (place == nullptr) {
        std::this_thread::yield();
        continue;
      }
      const EventHeader header{static_cast<std::uint32_t>(size), EventType::payload, 0, number};
      std::memcpy(place, &header, sizeof(header));
      std::memcpy(place + size - sizeof(number), &number, sizeof(number));
      ring.writer.commit();
      ++number;
    }
  });
  std::uint64_t expected = 0;
  bool right = true;
  while (expected < count && right) {
    const auto events = ring.reader.read(max_event_size);
    if (!events) {
      FAIL_CHECK(events.error().message);
      break;
    }
    if (events->empty()) std::this_thread::yield();
    for (Bytes rest = *events; !rest.empty();) {
      EventHeader header{};
      std::memcpy(&header, rest.data(), sizeof(header));
      std::uint64_t tail = 0;
      std::memcpy(&tail, rest.data() + header.size - sizeof(tail), sizeof(tail));
      right = right && header.time_ns == expected && tail == expected;
      ++expected;
      rest = rest.subspan(header.size);
    }
    right = right && ring.reader.release().has_value();
  }
  CHECK(right);
  if (!right) std::_Exit(1);  // the writing thread would wait for ever
  writing.join();
  CHECK(expected == count);
}

}  // namespace
}  // namespace callgate::record
