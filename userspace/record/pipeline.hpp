// From events that were read out of a ring to journal and store: one batch at a time.
//
// A batch is applied to the builder, appended to the journal, and then what it led to is written to the
// store. Where one of the two fails, the batch stays pending and commit() takes up where it stopped: nothing
// is lost and nothing done twice.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "record/file_store.hpp"
#include "record/journal.hpp"
#include "record/record_builder.hpp"
#include "record/workload_directory.hpp"

namespace callgate::record {

struct PipelineOptions {
  JournalOptions journal;
  FileStoreOptions store;
  BuilderLimits limits;
  std::function<void(const v1::Record&)> on_record;  // each record once, when it is made
};

// A batch between take() or end_ring() and the end of commit().
struct PendingBatch {
  Batch batch;
  std::string notes;
  bool journaled = false;
};

// One thread, but for queries().
class Pipeline {
 public:
  // Opens journal and store, and brings the store up to date with the journal. `directory` outlives the
  // pipeline.
  [[nodiscard]] static Result<std::unique_ptr<Pipeline>> open(PipelineOptions options,
                                                              WorkloadDirectory& directory);
  ~Pipeline();

  // Takes the next events of a ring, `position` being the ring's position after them; makes the valid ones
  // pending, and returns why the next one was not valid. `events` stay as they are until commit() has
  // succeeded. Nothing is pending.
  [[nodiscard]] std::optional<Error> take(RingOwner owner, Bytes events, std::uint64_t position);
  // Makes it pending that nobody writes the ring any more. Nothing is pending.
  void end_ring(RingOwner owner, const Error& reason);
  // Carries out what is pending. On failure it stays pending.
  [[nodiscard]] Result<void> commit();
  [[nodiscard]] bool pending() const { return pending_.has_value(); }

  // Puts the journal on disk.
  [[nodiscard]] Result<void> sync() { return journal_.sync(); }
  // Puts the store on disk and starts the journal anew, so that the next start has nothing to replay.
  [[nodiscard]] Result<void> compact();

  // The position up to which a ring was taken; nothing for an unknown ring.
  [[nodiscard]] std::optional<std::uint64_t> ring_position(RingOwner owner) const {
    return builder_.ring_position(owner);
  }
  // Rings that something may be open in.
  [[nodiscard]] std::vector<RingOwner> rings() const { return builder_.rings(); }
  [[nodiscard]] std::uint64_t journal_bytes() const { return journal_.bytes(); }
  [[nodiscard]] std::size_t open_calls() const { return builder_.open_calls(); }
  [[nodiscard]] StoreQueries& queries() { return *store_; }

 private:
  class Replay;
  class Annotations;
  class Announcer;
  Pipeline(Journal journal, std::unique_ptr<FileStore> store, PipelineOptions options,
           WorkloadDirectory& directory);
  void compact_when_full();

  Journal journal_;
  std::unique_ptr<FileStore> store_;
  RecordBuilder builder_;
  WorkloadDirectory& directory_;
  std::optional<PendingBatch> pending_;
  std::function<void(const v1::Record&)> on_record_;
  std::uint64_t last_batch_ = 0;
  std::uint64_t compact_at_ = 0;  // bytes of the journal at which to try again
};

}  // namespace callgate::record
