// A writer that goes on changing what it has written, while it is read.
#include <atomic>
#include <cstring>
#include <random>
#include <thread>

#include <catch2/catch.hpp>
#include <sys/mman.h>

#include "callgate/v1/journal.pb.h"
#include "payload/files.hpp"
#include "payload/writer.hpp"
#include "record/record_builder.hpp"
#include "record/ring_layout.hpp"
#include "temporary.hpp"
#include "traffic.hpp"

namespace callgate::record {
namespace {

// Stores payload as a running agent does, and looks at the records.
class Storing final : public RecordSink {
 public:
  explicit Storing(payload::Writer& writer) : writer_(writer) {}
  void add_payload(payload::Stream& stream, const payload::Piece& piece, Bytes bytes) override {
    writer_.add(stream, piece, bytes);
  }
  std::uint64_t seal(payload::Stream& stream) override { return writer_.seal(stream); }
  void add_record(v1::Record& record) override {
    std::string bytes;
    v1::Record again;
    sound = sound && record.SerializeToString(&bytes) && again.ParseFromString(bytes);
    ++records;
  }
  bool sound = true;
  int records = 0;

 private:
  payload::Writer& writer_;
};

// A mapping of the ring that nobody knows of, and a thread that writes at random into its events.
class Scribbler {
 public:
  explicit Scribbler(int ring, std::size_t size) : size_(size) {
    memory_ = static_cast<std::uint8_t*>(::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring, 0));
    REQUIRE(memory_ != MAP_FAILED);
    clean_.assign(memory_, memory_ + size);
    thread_ = std::thread([this] {
      std::mt19937 random(5);
      while (!stop_) {
        // Sizes, types and texts are near the beginning of events, which begin at multiples of 8.
        const std::size_t at =
            ring_header_size + random() % ((size_ - ring_header_size) / 8) * 8 + random() % 8;
        const std::uint8_t was = memory_[at];
        memory_[at] = static_cast<std::uint8_t>(random());
        for (unsigned wait = static_cast<unsigned>(random() % 200); wait > 0; --wait)
          std::atomic_signal_fence(std::memory_order_seq_cst);
        if (random() % 8 != 0) memory_[at] = was;
        if (random() % 512 == 0)
          std::memcpy(memory_ + ring_header_size, &clean_[ring_header_size], size_ - ring_header_size);
      }
    });
  }
  Scribbler(const Scribbler&) = delete;
  Scribbler& operator=(const Scribbler&) = delete;
  ~Scribbler() {
    stop_ = true;
    thread_.join();
    ::munmap(memory_, size_);
  }

 private:
  std::size_t size_;
  std::uint8_t* memory_ = nullptr;
  std::vector<std::uint8_t> clean_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

TEST_CASE("Events that change while they are read lead to records or errors, and to nothing else") {
  const test::TemporaryDirectory directory;
  constexpr std::size_t capacity = 64U << 10U;
  test::Proxy proxy(directory.path(), {1, 0}, capacity);
  test::Names names;
  const std::string text = R"({"amount": 12, "currency": "EUR", "note": "again and again and again"})";
  std::string large;
  while (large.size() < 9'000)
    large += text;
  while (proxy.whole_call(text, large)) {
  }
  auto reader =
      RingReader::open(Fd(::open((directory / ring_name({1, 0})).c_str(), O_RDWR | O_CLOEXEC))).value();
  const auto keys = payload::KeyRing::parse("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "test").value();
  const auto files = payload::Files::open(directory / "payload").value();
  const auto writer = payload::Writer::open(*files, keys, {}).value();
  Storing sink(*writer);
  int whole = 0;
  int refused = 0;
  const Scribbler scribbler(proxy.file.get(), ring_header_size + capacity);
  for (std::uint64_t round = 1; round < 3000 || whole == 0 || refused == 0; ++round) {
    REQUIRE(round < 100'000);
    RecordBuilder builder{BuilderLimits{}};
    const auto events = reader.read(max_event_size);
    reader.rewind();
    if (!events) {
      ++refused;
      continue;
    }
    const auto applied = builder.apply({1, 0}, *events, round, names, sink);
    v1::JournalChanges changes;
    builder.take_changes({1, 0}, sink, changes);
    ++(applied.error ? refused : whole);
    REQUIRE(applied.bytes <= events->size());
    REQUIRE(sink.sound);
    if (round % 100 == 0) REQUIRE(writer->commit().has_value());
  }
  CHECK(sink.records > 0);
}

}  // namespace
}  // namespace callgate::record
