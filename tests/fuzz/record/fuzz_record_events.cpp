// Arbitrary bytes as what a proxy wrote into its ring: through the builder, a snapshot of it, and its end.
#include <cstdint>

#include "callgate/v1/journal.pb.h"
#include "record/record_builder.hpp"
#include "record/store_format.hpp"

namespace {

using namespace callgate;
using namespace callgate::record;

class Nobody final : public SessionSource {
 public:
  v1::JournalAnnotation annotate(const SessionOpened&) override { return {}; }
};

class Checking final : public RecordSink {
 public:
  std::uint64_t add_payload(const PayloadFrame& frame, Bytes) override {
    if (frame.previous > payload_) __builtin_trap();
    return ++payload_;
  }
  void add_record(const RecordPosition& position, const Id&, const Id&, const v1::Record& record) override {
    if (position <= last_ && last_.batch != 0) __builtin_trap();
    last_ = position;
    std::string bytes;
    v1::Record again;
    if (!record.SerializeToString(&bytes) || bytes.size() > largest_record || !again.ParseFromString(bytes)) {
      __builtin_trap();
    }
  }

 private:
  std::uint64_t payload_ = 0;
  RecordPosition last_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const RingOwner owner{1, 0};
  BuilderLimits limits;
  limits.open_calls = 8;
  limits.open_sessions = 8;
  Nobody source;
  Checking sink;
  RecordBuilder builder(limits);
  const auto applied = builder.apply(owner, Bytes(data, size), 1, source, sink);
  if (!applied.error && applied.bytes != size) __builtin_trap();
  RecordBuilder loaded(limits);
  if (!loaded.load(builder.save())) __builtin_trap();
  loaded.end_ring(owner, 2, 0, Error("ended", "the input is at its end"), sink);
  if (loaded.open_calls() != 0) __builtin_trap();
  return 0;
}
