// Arbitrary bytes as what a proxy wrote into its ring: through the builder in two batches, a snapshot of it,
// and its end. What the journal was told of changes must lead to the same as what they came from.
#include <cstdint>

#include <google/protobuf/util/message_differencer.h>

#include "callgate/v1/journal.pb.h"
#include "record/event_parse.hpp"
#include "record/record_builder.hpp"

namespace {

using namespace callgate;
using namespace callgate::record;

constexpr std::size_t largest_leaf = 65'535;

class Nobody final : public WorkloadDirectory {
 public:
  std::optional<WorkloadName> lookup(std::uint64_t) override { return std::nullopt; }
  std::optional<std::string> process_path(std::uint32_t, std::uint64_t, std::uint64_t,
                                          std::uint64_t) override {
    return std::nullopt;
  }
};

class Checking final : public RecordSink {
 public:
  void add_payload(payload::Stream& stream, const payload::Piece&, Bytes bytes) override {
    if (bytes.empty() || stream.call.counter == 0) __builtin_trap();
    ++stream.last;
  }
  std::uint64_t seal(payload::Stream& stream) override { return stream.last; }
  void add_record(v1::Record& record) override {
    const RecordPosition position{record.journal_batch(), record.journal_index()};
    if (position <= last_ && last_.batch != 0) __builtin_trap();
    last_ = position;
    std::string bytes;
    v1::Record again;
    if (!record.SerializeToString(&bytes) || bytes.size() > largest_leaf || !again.ParseFromString(bytes)) {
      __builtin_trap();
    }
  }

 private:
  RecordPosition last_;
};

// What is open, in an order that does not depend on the table it comes from.
v1::JournalSnapshot sorted(v1::JournalSnapshot snapshot) {
  for (auto& ring : *snapshot.mutable_rings()) {
    const auto by_counter = [](const auto& a, const auto& b) { return a.counter() < b.counter(); };
    std::sort(ring.mutable_sessions()->begin(), ring.mutable_sessions()->end(), by_counter);
    std::sort(ring.mutable_calls()->begin(), ring.mutable_calls()->end(), by_counter);
  }
  return snapshot;
}

// Bytes of the whole events in the first half of the input.
std::size_t first_events(Bytes bytes) {
  std::size_t at = 0;
  while (at < bytes.size() / 2) {
    const std::size_t size = event_size(bytes.subspan(at));
    if (size == 0) break;
    at += size;
  }
  return at;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const RingOwner owner{1, 0};
  BuilderLimits limits;
  limits.open_calls = 8;
  limits.open_sessions = 8;
  Nobody nobody;
  Checking sink;
  RecordBuilder builder(limits);
  RecordBuilder told(limits);
  const Bytes input(data, size);
  const std::size_t middle = first_events(input);
  for (const auto& [number, events] : {std::pair(1, input.first(middle)), {2, input.subspan(middle)}}) {
    const auto applied = builder.apply(owner, events, static_cast<std::uint64_t>(number), nobody, sink);
    if (!applied.error && applied.bytes != events.size()) __builtin_trap();
    v1::JournalChanges changes;
    builder.take_changes(owner, sink, changes);
    if (!told.load_changes(owner, changes)) __builtin_trap();
    if (applied.error) break;
  }
  using google::protobuf::util::MessageDifferencer;
  if (!MessageDifferencer::Equals(sorted(builder.save()), sorted(told.save()))) __builtin_trap();
  RecordBuilder loaded(limits);
  if (!loaded.load(builder.save())) __builtin_trap();
  loaded.end_ring(owner, 3, 0, Error("ended", "the input is at its end"), sink);
  if (loaded.open_calls() != 0) __builtin_trap();
  return 0;
}
