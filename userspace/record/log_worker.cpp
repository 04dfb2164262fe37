#include "record/log_worker.hpp"

#include <utility>

#include "base/clock.hpp"
#include "base/log.hpp"

namespace callgate::record {
namespace {

// The first entry of an epoch: what the epoch before ended with.
std::string first_leaf(std::string_view previous_checkpoint) {
  v1::Record record;
  record.set_kind(v1::Record::KIND_EVENT);
  record.set_opened_ns(wall_ns());
  record.mutable_event()->set_type(v1::Event::TYPE_EPOCH);
  record.mutable_event()->set_checkpoint(std::string(previous_checkpoint));
  return record.SerializeAsString();
}

std::uint64_t entry_time(Bytes entry) {
  v1::Record record;
  return record.ParseFromArray(entry.data(), static_cast<int>(entry.size())) ? record.opened_ns() : 0;
}

}  // namespace

LogWorker::LogWorker(LogOptions options, Journal& journal, payload::Files& payload)
    : options_(std::move(options)), journal_(journal), payload_(payload) {}

LogWorker::~LogWorker() {
  if (const auto stopped = stop(); !stopped)
    log_error("log_not_finished", {{"code", stopped.error().code}, {"detail", stopped.error().message}});
}

Result<std::unique_ptr<LogWorker>> LogWorker::open(LogOptions options, Journal& journal,
                                                   payload::Files& payload) {
  std::unique_ptr<LogWorker> worker(new LogWorker(std::move(options), journal, payload));
  worker->options_.log.first_leaf = first_leaf;
  worker->options_.log.entry_time = entry_time;
  auto log = tlog::AuditLog::open(worker->options_.log);
  if (!log) return log.error();
  worker->log_ = std::move(*log);
  auto index = index::Index::open(worker->options_.index);
  if (!index) return index.error();
  worker->index_ = std::move(*index);
  CALLGATE_TRY(worker->find_last_position());
  worker->note_index(worker->catch_up_index());
  return worker;
}

void LogWorker::start() {
  checkpoint_tried_ns_ = monotonic_ns();
  thread_ = std::thread([this] { run(); });
}

Result<void> LogWorker::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (!thread_.joinable()) return {};
  thread_.join();
  const auto failed = failure();
  if (failed) return *failed;
  return {};
}

Result<void> LogWorker::drain() {
  return take();
}

void LogWorker::submit(LogBatch batch) {
  const std::size_t size = batch.content.size();
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    wake = submitted_.empty();
    backlog_ += size;
    submitted_.push_back(std::move(batch));
  }
  // One that is told of the first gathers the others by itself.
  if (wake) wake_.notify_all();
}

std::optional<Error> LogWorker::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

void LogWorker::request_sync(RingOwner ring, std::uint64_t position) {
  {
    const std::lock_guard lock(mutex_);
    const auto done = synced_to_.find(ring);
    if (done != synced_to_.end() && done->second >= position) return;
    if (std::exchange(sync_requested_, true)) return;
  }
  wake_.notify_all();
}

std::map<RingOwner, std::uint64_t> LogWorker::take_synced() {
  const std::lock_guard lock(mutex_);
  return std::exchange(synced_, {});
}

void LogWorker::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    const bool last = stopping_;
    lock.unlock();
    const auto done = round(last);
    note_failure(done);
    lock.lock();
    if (last) return;
    // What came meanwhile is looked at now; what is due later wakes by itself.
    const auto awaited = [this] {
      return stopping_ || sync_requested_ || remove_through_ != 0 || !submitted_.empty();
    };
    if (!done) {
      wake_.wait_for(lock, options_.retry_interval, [this] { return stopping_; });
    } else if (unsynced_ && options_.sync_interval.count() > 0) {
      wake_.wait_for(lock, options_.sync_interval, awaited);
    } else if (unchecked_) {
      wake_.wait_for(lock, options_.checkpoint_interval, awaited);
    } else {
      wake_.wait(lock, awaited);
    }
    // What comes in the next moments is taken together: a wake-up for each batch would cost more than its
    // records.
    if (!submitted_.empty() && !sync_requested_ && !stopping_)
      wake_.wait_for(lock, options_.gather, [this] { return stopping_ || sync_requested_; });
  }
}

// Takes what was submitted, and does what is due.
Result<void> LogWorker::round(bool last) {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(sync_requested_, false)) sync_due_ = true;
  }
  remove_epochs();
  const auto taken = take();
  const std::uint64_t now = monotonic_ns();
  const auto due = [now](std::chrono::milliseconds interval, std::uint64_t since_ns) {
    return now - since_ns >= static_cast<std::uint64_t>(std::chrono::nanoseconds(interval).count());
  };
  const bool check = unchecked_ && (last || due(options_.checkpoint_interval, checkpoint_tried_ns_));
  const bool by_time = options_.sync_interval.count() > 0 && due(options_.sync_interval, sync_tried_ns_);
  if (unsynced_ && (last || sync_due_ || check || by_time)) {
    sync_tried_ns_ = now;
    CALLGATE_TRY(sync());
  }
  sync_due_ = false;
  CALLGATE_TRY(taken);
  if (check) {
    checkpoint_tried_ns_ = now;
    CALLGATE_TRY(checkpoint());
  }
  return {};
}

Result<void> LogWorker::take() {
  {
    const std::lock_guard lock(mutex_);
    for (LogBatch& batch : submitted_)
      taking_.push_back(std::move(batch));
    submitted_.clear();
  }
  Result<void> result;
  bool appended = false;
  for (; !taking_.empty(); taking_.pop_front()) {
    LogBatch& batch = taking_.front();
    if (!batch.entries.empty()) appended = true;
    result = append(batch);
    if (!result) break;
    last_batch_ = batch.number;
    if (batch.ring != RingOwner{}) seen_[batch.ring] = batch.ring_position;
    unsynced_ = true;
    backlog_ -= batch.content.size();
  }
  if (appended) {
    // A reader between its look and its wait must not miss this.
    const std::lock_guard lock(mutex_);
    newer_.notify_all();
  }
  return result;
}

Result<void> LogWorker::append(LogBatch& batch) {
  for (; next_entry_ < batch.entries.size(); ++next_entry_) {
    const LogEntry& entry = batch.entries[next_entry_];
    const auto position =
        log_->append(as_bytes(std::string_view(batch.content).substr(entry.offset, entry.size)));
    if (!position) return position.error();
    add_to_index(*position, entry.record);
    newest_ = *position;
    last_position_ = {entry.record.journal_batch(), entry.record.journal_index()};
    unchecked_ = true;
  }
  next_entry_ = 0;
  return {};
}

Result<void> LogWorker::sync() {
  CALLGATE_TRY(payload_.sync());
  CALLGATE_TRY(journal_.sync());
  unsynced_ = false;
  synced_at_ns_ = wall_ns();
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [ring, position] : std::exchange(seen_, {})) {
      synced_[ring] = position;
      synced_to_[ring] = position;
    }
  }
  if (options_.on_synced) options_.on_synced();
  return {};
}

Result<void> LogWorker::checkpoint() {
  if (const auto made = log_->checkpoint(); !made) {
    checkpoint_tried_ns_ = 0;  // the next round tries again
    return made;
  }
  unchecked_ = false;
  durable_batch_ = last_batch_;
  note_index(index_->flush());
  if (options_.on_checkpoint) options_.on_checkpoint(log_->checkpoint_note());
  return {};
}

// The log has everything that the index has: evidence does not wait for it.
void LogWorker::add_to_index(index::Position position, const v1::Record& record) {
  const auto added = index_->add(position, record);
  // The log begins an epoch by itself, and an index that was made anew meanwhile may lack the newest.
  const Result<void> mended =
      added || added.error().code != "index_gap" ? added : index_epoch(index::epoch_of(position));
  if (!mended) note_index(mended);
}

void LogWorker::note_index(const Result<void>& result) {
  if (result) {
    index_failing_ = false;
    return;
  }
  if (std::exchange(index_failing_, true)) return;
  log_error("index_not_written",
            {{"code", result.error().code},
             {"detail", result.error().message},
             {"next", "calls are recorded all the same; `callgate audit reindex` makes it anew"}});
}

void LogWorker::note_failure(const Result<void>& result) {
  const std::lock_guard lock(mutex_);
  if (!result) {
    if (!failure_)
      log_error("log_failed", {{"code", result.error().code}, {"detail", result.error().message}});
    failure_ = result.error();
    return;
  }
  if (failure_) log_info("log_resumed", {{"failure", failure_->code}});
  failure_.reset();
}

bool LogWorker::wait_newer(std::uint64_t after, std::uint32_t timeout_ms) const {
  std::unique_lock lock(mutex_);
  return newer_.wait_for(lock, std::chrono::milliseconds(timeout_ms), [&] { return newest_ > after; });
}

}  // namespace callgate::record
