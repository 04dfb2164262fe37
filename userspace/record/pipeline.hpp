// From events that were read out of a ring to payload, journal and audit log: one batch at a time.
//
// A batch is applied to the builder; then its payload is written, then the journal, and then its records are
// handed to the thread of the log. Where writing fails, the batch stays pending and commit() takes up where
// it stopped: nothing is lost and nothing done twice.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "record/journal.hpp"
#include "record/log_batch.hpp"
#include "record/log_worker.hpp"
#include "record/payload_store.hpp"
#include "record/record_builder.hpp"
#include "record/workload_directory.hpp"

namespace callgate::record {

struct PipelineOptions {
  JournalOptions journal;
  PayloadOptions payload;
  LogOptions log;
  BuilderLimits limits;
  std::function<void(const v1::Record&)> on_record;  // each record once, when it is in the journal
};

// A batch between what began it and the end of commit().
struct PendingBatch {
  BatchKind kind = BatchKind::changes;
  LogBatch batch;
};

// One thread.
class Pipeline {
 public:
  // Opens everything, brings the log up to date with the journal, and starts the log's thread. `directory`
  // outlives the pipeline.
  [[nodiscard]] static Result<std::unique_ptr<Pipeline>> open(PipelineOptions options,
                                                              WorkloadDirectory& directory);
  ~Pipeline();

  // Takes the next events of a ring, `position` being the ring's position after them; makes the valid ones
  // pending, and returns why the next one was not valid. `events` stay as they are until commit() has
  // succeeded. Nothing is pending.
  [[nodiscard]] std::optional<Error> take(RingOwner owner, Bytes events, std::uint64_t position);
  // Makes it pending that nobody writes the ring any more. Nothing is pending.
  void end_ring(RingOwner owner, const Error& reason);
  // Makes a record of something else than a call pending. Nothing is pending.
  void add_event(v1::Record event);
  // Carries out what is pending. On failure it stays pending. Errors: disk_full, log_behind, system errors.
  [[nodiscard]] Result<void> commit();
  [[nodiscard]] bool pending() const { return pending_.has_value(); }
  // Removes what of the journal the log has on disk.
  void tidy() { journal_->remove_through(log_->durable_batch()); }

  // Puts everything on disk, the log with a checkpoint, and ends the log's thread. Nothing is pending.
  [[nodiscard]] Result<void> close();

  // The position up to which a ring was taken; nothing for an unknown ring.
  [[nodiscard]] std::optional<std::uint64_t> ring_position(RingOwner owner) const {
    return builder_.ring_position(owner);
  }
  // Rings that something may be open in.
  [[nodiscard]] std::vector<RingOwner> rings() const { return builder_.rings(); }
  [[nodiscard]] std::uint64_t journal_bytes() const { return journal_->bytes(); }
  [[nodiscard]] std::size_t open_calls() const { return builder_.open_calls(); }
  [[nodiscard]] LogWorker& log() { return *log_; }
  [[nodiscard]] PayloadStore& payload() { return *payload_; }

 private:
  class Replay;
  class Sink;
  Pipeline(PipelineOptions options, WorkloadDirectory& directory);
  [[nodiscard]] Result<void> replay();
  void begin(BatchKind kind, RingOwner owner);
  void rotate_when_full();

  PipelineOptions options_;
  WorkloadDirectory& directory_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<PayloadStore> payload_;
  std::unique_ptr<LogWorker> log_;  // uses the two above
  RecordBuilder builder_;
  std::optional<PendingBatch> pending_;
  std::uint64_t last_batch_ = 0;
  std::uint64_t rotate_at_ = 0;  // bytes of the segment at which to try again
};

}  // namespace callgate::record
