// Where the builder puts what it makes: payload as it comes, records as calls close.
#pragma once

#include <compare>
#include <cstdint>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "payload/writer.hpp"

namespace callgate::v1 {
class Record;
}

namespace callgate::record {

// Which event of the journal made a record: batches are numbered from 1, events within a batch from 0.
struct RecordPosition {
  std::uint64_t batch = 0;
  std::uint32_t index = 0;

  auto operator<=>(const RecordPosition&) const = default;
};

class RecordSink {
 public:
  RecordSink() = default;
  RecordSink(const RecordSink&) = delete;
  RecordSink& operator=(const RecordSink&) = delete;
  virtual ~RecordSink() = default;

  // `bytes` stay valid until the batch they came in is finished.
  virtual void add_payload(payload::Stream& stream, const payload::Piece& piece, Bytes bytes) = 0;
  // Ends what was added to a call so far; returns where the call's payload lies, 0 where it has none.
  [[nodiscard]] virtual std::uint64_t seal(payload::Stream& stream) = 0;
  // A finished record, which may be moved from.
  virtual void add_record(v1::Record& record) = 0;
};

}  // namespace callgate::record
