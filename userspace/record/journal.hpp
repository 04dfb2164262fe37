// The journal: what the events of the rings changed, batch by batch, in append-only files. It is the point of
// durability: what it holds survives callgated, and after a sync the machine.
//
// Nothing in it has to be computed again: a batch holds finished records and, of what stays open, the state
// as it was after the batch. A segment begins with a snapshot of everything that was open, so older segments
// can go as soon as the audit log has, on disk, the records in them. Each batch has a checksum; a batch that
// a crash tore is as if it had never been written.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/append_file.hpp"
#include "base/bytes.hpp"
#include "base/result.hpp"
#include "record/ring.hpp"

namespace callgate::record {

enum class BatchKind : std::uint16_t {
  snapshot = 1,    // content: a JournalSnapshot of everything up to and with batch `number`
  changes = 2,     // content: JournalChanges
  ring_ended = 3,  // content: JournalChanges, records only; nothing of the ring is open any more
};

struct Batch {
  BatchKind kind = BatchKind::changes;
  std::uint64_t number = 0;
  RingOwner ring;                   // all zero where the batch came from no ring
  std::uint64_t ring_position = 0;  // of the ring's history, after the events
  std::string_view content;         // serialized
};

class JournalReader {
 public:
  JournalReader() = default;
  JournalReader(const JournalReader&) = delete;
  JournalReader& operator=(const JournalReader&) = delete;
  virtual ~JournalReader() = default;
  // One batch, in order; its bytes are valid during the call. An error ends the reading.
  [[nodiscard]] virtual Result<void> batch(const Batch& batch) = 0;
  // The rest of a segment is damaged, and skipped.
  virtual void damaged(const std::string& file, std::uint64_t bytes) = 0;
};

struct JournalOptions {
  std::string directory;  // created, 0700
  std::uint64_t segment_size = std::uint64_t{64} << 20U;
};

// One thread, but for sync().
class Journal {
 public:
  // Errors: system errors.
  [[nodiscard]] static Result<std::unique_ptr<Journal>> open(JournalOptions options);

  // Reads all segments, oldest first. Nothing was appended before.
  [[nodiscard]] Result<void> replay(JournalReader& reader);
  // Puts the segment on disk and begins a new one with a snapshot as of batch `number`. Needed once before
  // the first append(). On failure everything is as before.
  [[nodiscard]] Result<void> start_segment(std::string_view snapshot, std::uint64_t number);
  // Removes the older segments that hold no batch after `number`.
  void remove_through(std::uint64_t number);
  // Appends a batch; it is in the page cache when this returns. On failure the journal is as before. Errors:
  // batch_too_large, disk_full, system errors.
  [[nodiscard]] Result<void> append(const Batch& batch);
  // Any thread. Puts everything appended before the call on disk. Once it fails it fails for ever: error
  // journal_not_synced.
  [[nodiscard]] Result<void> sync();

  // Whether the segment has reached its size.
  [[nodiscard]] bool full() const { return segment_->size() >= options_.segment_size; }
  [[nodiscard]] std::uint64_t segment_bytes() const { return segment_->size(); }
  // Of all segments.
  [[nodiscard]] std::uint64_t bytes() const;

 private:
  struct Older {
    std::uint64_t number = 0;
    std::uint64_t last_batch = 0;
    std::uint64_t bytes = 0;
  };

  Journal() = default;
  [[nodiscard]] std::string path(std::uint64_t number) const;
  [[nodiscard]] Result<std::uint64_t> replay_segment(std::uint64_t number, JournalReader& reader);

  JournalOptions options_;
  std::mutex mutex_;                     // of the next two: appends and syncs go on beside each other
  std::shared_ptr<AppendFile> segment_;  // also held by a sync() that runs while the next segment begins
  std::optional<Error> sync_failure_;
  std::atomic<std::uint64_t> appended_ = 0;  // bytes of the segment
  std::uint64_t segment_number_ = 0;
  std::uint64_t last_batch_ = 0;
  std::vector<Older> older_;
  std::vector<iovec> pieces_;
};

}  // namespace callgate::record
