#include "record/pipeline.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "callgate/v1/journal.pb.h"
#include "payload/reader.hpp"
#include "record/record_fields.hpp"

namespace callgate::record {
namespace {

// Records that the log's thread has not got to yet; more of them, and rings are not emptied any more.
constexpr std::size_t largest_backlog = 64U << 20U;

// Appends a serialized record as one more `records` of serialized JournalChanges, and notes where it lies.
void append_record(v1::Record record, LogBatch& batch) {
  const std::size_t size = record.ByteSizeLong();
  std::string& content = batch.content;
  content.push_back(static_cast<char>(v1::JournalChanges::kRecordsFieldNumber << 3U | 2U));
  for (std::size_t rest = size;; rest >>= 7U) {
    content.push_back(static_cast<char>((rest & 0x7fU) | (rest > 0x7fU ? 0x80U : 0U)));
    if (rest <= 0x7fU) break;
  }
  const std::size_t offset = content.size();
  content.resize(offset + size);
  record.SerializeWithCachedSizesToArray(reinterpret_cast<std::uint8_t*>(content.data() + offset));
  batch.entries.push_back({offset, size, std::move(record)});
}

}  // namespace

// Where the builder puts what becomes of the pending batch.
class Pipeline::Sink final : public RecordSink {
 public:
  explicit Sink(Pipeline& pipeline)
      : payload_(*pipeline.payload_->writer), batch_(pipeline.pending_->batch) {}

  void add_payload(payload::Stream& stream, const payload::Piece& piece, Bytes bytes) override {
    payload_.add(stream, piece, bytes);
  }
  std::uint64_t seal(payload::Stream& stream) override { return payload_.seal(stream); }
  void add_record(v1::Record& record) override { append_record(std::move(record), batch_); }

 private:
  payload::Writer& payload_;
  LogBatch& batch_;
};

// Reads the journal at a start: what is open is loaded, and records that the log does not have yet go there.
class Pipeline::Replay final : public JournalReader {
 public:
  explicit Replay(Pipeline& pipeline) : pipeline_(pipeline), logged_(pipeline.log_->last_position()) {}

  Result<void> batch(const Batch& batch) override {
    last_batch_ = std::max(last_batch_, batch.number);
    const auto loaded = batch.kind == BatchKind::snapshot ? load_snapshot(batch) : load_changes(batch);
    if (loaded) return {};
    log_error("journal_batch_refused", {{"code", loaded.error().code},
                                        {"detail", loaded.error().message},
                                        {"batch", std::to_string(batch.number)}});
    ++refused_;
    return {};
  }
  void damaged(const std::string& file, std::uint64_t bytes) override {
    log_warning(
        "journal_tail_cut",
        {{"file", file}, {"bytes", std::to_string(bytes)}, {"reason", "the last write was not finished"}});
    cut_bytes_ += bytes;
  }

  [[nodiscard]] std::uint64_t last_batch() const { return std::max(last_batch_, logged_.batch); }

  // What the log should say of it.
  [[nodiscard]] std::vector<v1::Record> events() {
    if (cut_bytes_ > 0 || refused_ > 0) {
      v1::Record record;
      v1::Event& event = *record.mutable_event();
      event.set_type(v1::Event::TYPE_RECOVERY);
      event.set_bytes(cut_bytes_);
      event.set_count(refused_);
      event.set_detail(
          fmt::format("the journal ended in {} bytes of a write that was not finished; {} of its "
                      "batches could not be read",
                      cut_bytes_, refused_));
      events_.push_back(std::move(record));
    }
    return std::move(events_);
  }

 private:
  [[nodiscard]] Result<void> load_snapshot(const Batch& batch) {
    v1::JournalSnapshot snapshot;
    if (!snapshot.ParseFromArray(batch.content.data(), static_cast<int>(batch.content.size())))
      return make_error("snapshot_damaged", "the journal's list of open calls cannot be read");
    return pipeline_.builder_.load(snapshot);
  }

  [[nodiscard]] Result<void> load_changes(const Batch& batch) {
    v1::JournalChanges changes;
    if (!changes.ParseFromArray(batch.content.data(), static_cast<int>(batch.content.size())))
      return make_error("batch_damaged", "a batch of the journal cannot be read");
    CALLGATE_TRY(log_records(batch, changes));
    if (batch.ring == RingOwner{}) return {};
    if (batch.kind == BatchKind::ring_ended) {
      pipeline_.builder_.drop_ring(batch.ring);
      return {};
    }
    CALLGATE_TRY(pipeline_.builder_.load_changes(batch.ring, changes));
    pipeline_.builder_.set_ring_position(batch.ring, batch.ring_position);
    return {};
  }

  [[nodiscard]] Result<void> log_records(const Batch& batch, const v1::JournalChanges& changes) {
    LogBatch missing;
    missing.number = batch.number;
    for (const std::string& bytes : changes.records()) {
      v1::Record record;
      if (!record.ParseFromString(bytes))
        return make_error("record_damaged", "a record of the journal cannot be read");
      if (RecordPosition{record.journal_batch(), record.journal_index()} <= logged_) continue;
      look_for_payload(record);
      const std::size_t offset = missing.content.size();
      missing.content += bytes;
      missing.entries.push_back({offset, bytes.size(), std::move(record)});
    }
    if (missing.entries.empty()) return {};
    pipeline_.log_->submit(std::move(missing));
    return pipeline_.log_->drain();
  }

  // A machine that ended may have kept the journal but not the payload.
  void look_for_payload(const v1::Record& record) {
    if (record.payload_reference().empty()) return;
    payload::Query query;
    query.call = id_from_bytes(record.call_id());
    query.last = payload_pointer(record);
    const auto found = payload::visit(*pipeline_.payload_->files, pipeline_.payload_->keys, query,
                                      [](const payload::PieceView&) { return false; });
    if (found) return;
    log_error("payload_lost", {{"call", to_string(id_from_bytes(record.call_id()))},
                               {"code", found.error().code},
                               {"detail", found.error().message}});
    v1::Record lost;
    v1::Event& event = *lost.mutable_event();
    event.set_type(v1::Event::TYPE_PAYLOAD_LOST);
    event.set_session(record.session_id());
    event.set_call(record.call_id());
    event.set_detail(found.error().message);
    events_.push_back(std::move(lost));
  }

  Pipeline& pipeline_;
  const RecordPosition logged_;
  std::vector<v1::Record> events_;
  std::uint64_t last_batch_ = 0;
  std::uint64_t cut_bytes_ = 0;
  std::uint64_t refused_ = 0;
};

Pipeline::Pipeline(PipelineOptions options, WorkloadDirectory& directory)
    : options_(std::move(options)), directory_(directory), builder_(options_.limits) {}

Pipeline::~Pipeline() = default;

Result<std::unique_ptr<Pipeline>> Pipeline::open(PipelineOptions options, WorkloadDirectory& directory) {
  std::unique_ptr<Pipeline> pipeline(new Pipeline(std::move(options), directory));
  auto payload = PayloadStore::open(pipeline->options_.payload);
  if (!payload) return payload.error();
  pipeline->payload_ = std::move(*payload);
  auto journal = Journal::open(pipeline->options_.journal);
  if (!journal) return journal.error();
  pipeline->journal_ = std::move(*journal);
  auto log = LogWorker::open(pipeline->options_.log, *pipeline->journal_, *pipeline->payload_->files);
  if (!log) return log.error();
  pipeline->log_ = std::move(*log);
  CALLGATE_TRY(pipeline->replay());
  pipeline->log_->start();
  return pipeline;
}

Result<void> Pipeline::replay() {
  Replay replay(*this);
  CALLGATE_TRY(journal_->replay(replay));
  last_batch_ = replay.last_batch();
  CALLGATE_TRY(journal_->start_segment(builder_.save().SerializeAsString(), last_batch_));
  for (v1::Record& event : replay.events()) {
    add_event(std::move(event));
    CALLGATE_TRY(commit());
  }
  return {};
}

void Pipeline::begin(BatchKind kind, RingOwner owner) {
  pending_.emplace();
  pending_->kind = kind;
  pending_->batch.number = ++last_batch_;
  pending_->batch.ring = owner;
}

std::optional<Error> Pipeline::take(RingOwner owner, Bytes events, std::uint64_t position) {
  begin(BatchKind::changes, owner);
  LogBatch& batch = pending_->batch;
  batch.ring_position = position;
  Sink sink(*this);
  auto applied = builder_.apply(owner, events, batch.number, directory_, sink);
  builder_.set_ring_position(owner, position);
  v1::JournalChanges changes;
  builder_.take_changes(owner, sink, changes);
  changes.AppendToString(&batch.content);
  return std::move(applied.error);
}

void Pipeline::end_ring(RingOwner owner, const Error& reason) {
  begin(BatchKind::ring_ended, owner);
  Sink sink(*this);
  builder_.end_ring(owner, pending_->batch.number, wall_ns(), reason, sink);
}

void Pipeline::add_event(v1::Record event) {
  begin(BatchKind::changes, {});
  event.set_kind(v1::Record::KIND_EVENT);
  if (event.opened_ns() == 0) event.set_opened_ns(wall_ns());
  event.set_journal_batch(pending_->batch.number);
  append_record(std::move(event), pending_->batch);
}

Result<void> Pipeline::commit() {
  if (!pending_) return {};
  LogBatch& batch = pending_->batch;
  if (log_->backlog() > largest_backlog) {
    const auto failure = log_->failure();
    return failure ? *failure
                   : make_error(
                         "log_behind",
                         "the disk is too slow for the audit log: calls that must be recorded wait for it");
  }
  CALLGATE_TRY(payload_->writer->commit());
  CALLGATE_TRY(
      journal_->append({pending_->kind, batch.number, batch.ring, batch.ring_position, batch.content}));
  if (options_.on_record) {
    for (const LogEntry& entry : batch.entries)
      options_.on_record(entry.record);
  }
  log_->submit(std::move(batch));
  pending_.reset();
  rotate_when_full();
  return {};
}

void Pipeline::rotate_when_full() {
  if (!journal_->full() || journal_->segment_bytes() < rotate_at_) return;
  const auto started = journal_->start_segment(builder_.save().SerializeAsString(), last_batch_);
  if (!started) {
    // The segment just grows on; another try follows when it has grown by a part of a segment.
    rotate_at_ = journal_->segment_bytes() + (std::uint64_t{8} << 20U);
    log_warning("journal_rotation_failed",
                {{"code", started.error().code}, {"detail", started.error().message}});
    return;
  }
  rotate_at_ = 0;
}

Result<void> Pipeline::close() {
  CALLGATE_TRY(log_->stop());
  CALLGATE_TRY(journal_->start_segment(builder_.save().SerializeAsString(), last_batch_));
  tidy();
  return {};
}

}  // namespace callgate::record
