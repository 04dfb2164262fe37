// Where the builder puts what it makes: payload as it comes, records as calls close.
#pragma once

#include <compare>
#include <cstdint>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "record/event.hpp"

namespace callgate::v1 {
class Record;
}

namespace callgate::record {

// Which event of the journal made a record: batches are numbered without gaps from 1, events within a batch
// from 0.
struct RecordPosition {
  std::uint64_t batch = 0;
  std::uint32_t index = 0;

  auto operator<=>(const RecordPosition&) const = default;
};

// What a stored piece of payload is: what the call sent, or the salts of the call's digests (request, then
// response).
enum class FrameKind : std::uint8_t { head = 0, body = 1, trailers = 2, stream = 3, salts = 4 };

struct PayloadFrame {
  Id call;
  std::uint64_t previous = 0;  // what add_payload returned for the call's frame before, 0 for the first
  std::uint64_t time_ns = 0;
  std::uint64_t offset = 0;  // of the bytes among all of their direction and kind
  Direction direction = Direction::request;
  FrameKind kind = FrameKind::head;
};

class RecordSink {
 public:
  RecordSink() = default;
  RecordSink(const RecordSink&) = delete;
  RecordSink& operator=(const RecordSink&) = delete;
  virtual ~RecordSink() = default;

  // Returns where the frame will lie: never 0. `bytes` stay valid until the batch they came in is finished.
  virtual std::uint64_t add_payload(const PayloadFrame& frame, Bytes bytes) = 0;
  // Positions only grow.
  virtual void add_record(const RecordPosition& position, const Id& session, const Id& call,
                          const v1::Record& record) = 0;
};

}  // namespace callgate::record
