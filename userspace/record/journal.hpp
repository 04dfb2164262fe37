// The journal: what came out of the rings, in the order in which it was taken, in append-only files. It is
// the only point of durability: what it holds survives callgated, and after sync() the machine.
//
// A segment begins with a snapshot of everything that was open, so older segments can go as soon as it is on
// disk and the store has the records of all that came before. Each batch has a checksum; a batch that a crash
// tore is as if it had never been written.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/append_file.hpp"
#include "base/bytes.hpp"
#include "base/result.hpp"
#include "record/ring.hpp"

namespace callgate::record {

enum class BatchKind : std::uint16_t {
  snapshot = 1,  // notes: a serialized JournalSnapshot of everything up to and with batch `number`
  events = 2,  // notes: serialized JournalAnnotations of the sessions that open in it; events: as in the ring
  ring_ended = 3,  // notes: code and message of the reason, with a NUL between
};

struct Batch {
  BatchKind kind = BatchKind::events;
  std::uint64_t number = 0;
  RingOwner ring;
  std::uint64_t ring_position = 0;  // after the events
  std::uint64_t time_ns = 0;
  std::string_view notes;
  Bytes events;
};

class JournalReader {
 public:
  JournalReader() = default;
  JournalReader(const JournalReader&) = delete;
  JournalReader& operator=(const JournalReader&) = delete;
  virtual ~JournalReader() = default;
  // One batch, in order; its bytes are valid during the call. An error ends the reading.
  [[nodiscard]] virtual Result<void> batch(const Batch& batch) = 0;
};

struct JournalOptions {
  std::string directory;  // created, 0700
  std::uint64_t segment_size = std::uint64_t{64} << 20U;
};

// One thread.
class Journal {
 public:
  // Errors: system errors.
  [[nodiscard]] static Result<Journal> open(JournalOptions options);

  // Reads all segments, oldest first; a damaged rest of one is skipped and logged. Nothing was appended
  // before.
  [[nodiscard]] Result<void> replay(JournalReader& reader);
  // Begins a new segment with a snapshot as of batch `number`, on disk, and removes all older ones. What the
  // older ones led to must be on disk elsewhere. Needed once before the first append(). On failure everything
  // is as before.
  [[nodiscard]] Result<void> start_segment(std::string_view snapshot, std::uint64_t number);
  // Appends a batch; it is in the page cache when this returns. On failure the journal is as before. Errors:
  // disk_full, system errors.
  [[nodiscard]] Result<void> append(const Batch& batch);
  [[nodiscard]] Result<void> sync();

  // Whether the segment has reached its size.
  [[nodiscard]] bool full() const { return segment_.size() >= options_.segment_size; }
  [[nodiscard]] std::uint64_t bytes() const { return segment_.size(); }

 private:
  Journal() = default;
  [[nodiscard]] std::string path(std::uint64_t number) const;
  [[nodiscard]] Result<void> replay_segment(std::uint64_t number, JournalReader& reader);

  JournalOptions options_;
  AppendFile segment_;
  std::uint64_t segment_number_ = 0;
  std::vector<std::uint64_t> older_;
  std::vector<iovec> pieces_;
};

}  // namespace callgate::record
