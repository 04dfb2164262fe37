// The thread of the audit log: takes records that are in the journal, puts payload and journal on disk (one
// sync for all that came meanwhile), appends to the log and its index, and makes checkpoints.
//
// A checkpoint never covers what is not on disk in the journal: whatever ends, the journal has all that the
// log has, so that no entry is ever numbered anew.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/result.hpp"
#include "index/index.hpp"
#include "payload/files.hpp"
#include "record/journal.hpp"
#include "record/log_batch.hpp"
#include "record/record_sink.hpp"
#include "tlog/audit_log.hpp"

namespace callgate::record {

struct LogOptions {
  tlog::AuditLogOptions log;
  index::IndexOptions index;
  std::chrono::milliseconds sync_interval{
      100};  // of journal and payload to disk; 0: only when asked or stopping
  std::chrono::milliseconds checkpoint_interval{1000};
  std::chrono::milliseconds retry_interval{500};  // after a failure
  std::chrono::milliseconds gather{20};  // how long records may wait for others, to be logged together
  // More is on disk, on the log's thread; see take_synced(). Must not block.
  std::function<void()> on_synced;
  // A checkpoint was made: its signed note, on the log's thread.
  std::function<void(const std::string&)> on_checkpoint;
};

// An epoch that nothing is appended to any more.
struct ClosedEpoch {
  std::uint64_t number = 0;
  std::uint64_t entries = 0;
  std::uint64_t first_ns = 0;  // the earliest and latest time of its records, since 1970
  std::uint64_t last_ns = 0;
  std::uint32_t retain_seconds = 0;  // the longest that a record of it asks for; 0: none does
  std::string checkpoint;            // its last one
};

class LogWorker {
 public:
  // Opens the log and brings the index up to date with it. The other two outlive this. Errors: log_damaged,
  // system errors.
  [[nodiscard]] static Result<std::unique_ptr<LogWorker>> open(LogOptions options, Journal& journal,
                                                               payload::Files& payload);
  ~LogWorker();
  LogWorker(const LogWorker&) = delete;
  LogWorker& operator=(const LogWorker&) = delete;

  // Of the newest record that came from the journal.
  [[nodiscard]] RecordPosition last_position() const { return last_position_; }
  // Before start(): takes what was submitted.
  [[nodiscard]] Result<void> drain();
  void start();
  // Takes what was submitted, puts everything on disk with a checkpoint, and ends the thread. Idempotent.
  // The error is why not everything could be done.
  [[nodiscard]] Result<void> stop();

  // Any thread, from here on.

  // Takes over a batch that the journal has. Never fails; see backlog().
  void submit(LogBatch batch);
  // Bytes of records that were submitted and not taken.
  [[nodiscard]] std::size_t backlog() const { return backlog_; }
  // Why nothing is taken; nothing where all is well.
  [[nodiscard]] std::optional<Error> failure() const;
  // Puts on disk, at once, what was submitted; unless it is, of the ring, up to this position.
  void request_sync(RingOwner ring, std::uint64_t position);
  // How far each ring's history is on disk, where that changed since the last call.
  [[nodiscard]] std::map<RingOwner, std::uint64_t> take_synced();
  // Time of the newest sync, in nanoseconds since 1970.
  [[nodiscard]] std::uint64_t synced_at_ns() const { return synced_at_ns_; }
  // The log has, on disk, the records of all batches up to this one.
  [[nodiscard]] std::uint64_t durable_batch() const { return durable_batch_; }

  // All but the last, oldest first. Reads each epoch once.
  [[nodiscard]] Result<std::vector<ClosedEpoch>> closed_epochs();
  // Removes the oldest epoch, and its index; on the log's thread, soon.
  void remove_epoch(std::uint64_t number);
  // In all epochs.
  [[nodiscard]] std::uint64_t entries() const;
  // Makes the index of an epoch anew; how many entries it has. Error not_found.
  [[nodiscard]] Result<std::uint64_t> reindex(std::uint32_t number);
  // A proof that a record is in the log, waiting for the checkpoint that covers it. Errors: not_found, busy
  // (no checkpoint comes: see failure()), those of the log.
  [[nodiscard]] Result<std::string> prove(index::Position position) const;

  [[nodiscard]] tlog::AuditLog& log() { return *log_; }
  [[nodiscard]] index::Index& index() { return *index_; }
  // Position of the newest entry that readers may see; 0: there is none.
  [[nodiscard]] std::uint64_t newest() const { return newest_; }
  // Waits until there is an entry after `after`, or for `timeout_ms`; whether there is one.
  [[nodiscard]] bool wait_newer(std::uint64_t after, std::uint32_t timeout_ms) const;

 private:
  LogWorker(LogOptions options, Journal& journal, payload::Files& payload);
  [[nodiscard]] Result<void> find_last_position();
  [[nodiscard]] Result<void> catch_up_index();
  [[nodiscard]] Result<void> index_epoch(std::uint64_t number);
  [[nodiscard]] Result<ClosedEpoch> survey(std::uint64_t number) const;
  void remove_epochs();

  void run();
  [[nodiscard]] Result<void> round(bool last);
  [[nodiscard]] Result<void> take();
  [[nodiscard]] Result<void> append(LogBatch& batch);
  [[nodiscard]] Result<void> sync();
  [[nodiscard]] Result<void> checkpoint();
  void add_to_index(index::Position position, const v1::Record& record);
  void note_index(const Result<void>& result);
  void note_failure(const Result<void>& result);

  LogOptions options_;
  Journal& journal_;
  payload::Files& payload_;
  std::unique_ptr<tlog::AuditLog> log_;
  std::unique_ptr<index::Index> index_;

  // The thread's own.
  RecordPosition last_position_;
  std::deque<LogBatch> taking_;
  std::size_t next_entry_ = 0;               // of taking_.front()
  std::map<RingOwner, std::uint64_t> seen_;  // positions of what was taken
  std::uint64_t last_batch_ = 0;
  std::uint64_t sync_tried_ns_ = 0;
  std::uint64_t checkpoint_tried_ns_ = 0;
  bool unsynced_ = false;
  bool sync_due_ = false;
  bool unchecked_ = false;  // entries beyond the newest checkpoint
  bool index_failing_ = false;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  mutable std::condition_variable newer_;
  std::deque<LogBatch> submitted_;
  std::map<RingOwner, std::uint64_t> synced_;  // since somebody asked
  std::map<RingOwner, std::uint64_t> synced_to_;
  std::optional<Error> failure_;
  std::map<std::uint64_t, ClosedEpoch> surveyed_;
  std::uint64_t remove_through_ = 0;  // epochs up to this one
  bool sync_requested_ = false;
  bool stopping_ = false;
  std::thread thread_;

  std::atomic<std::size_t> backlog_ = 0;
  std::atomic<std::uint64_t> durable_batch_ = 0;
  std::atomic<std::uint64_t> newest_ = 0;
  std::atomic<std::uint64_t> synced_at_ns_ = 0;
};

}  // namespace callgate::record
