#include "record/pipeline.hpp"

#include <algorithm>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "callgate/v1/journal.pb.h"
#include "record/record_fields.hpp"

namespace callgate::record {

// Asks the agent, and keeps the answers for the journal.
class Pipeline::Annotations final : public SessionSource {
 public:
  explicit Annotations(WorkloadDirectory& directory) : directory_(directory) {}

  v1::JournalAnnotation annotate(const SessionOpened& event) override {
    v1::JournalAnnotation& annotation = *all_.add_annotations();
    annotation.set_session_id(id_bytes(event.session));
    if (auto workload = directory_.lookup(event.workload)) {
      annotation.set_workload_name(std::move(workload->name));
      annotation.set_workload_spiffe_id(std::move(workload->spiffe_id));
    }
    if (auto path =
            directory_.process_path(event.tgid, event.process_start, event.exe_device, event.exe_inode)) {
      annotation.set_exe_path(std::move(*path));
      annotation.set_resolved(true);
    }
    return annotation;
  }

  [[nodiscard]] std::string serialized() const {
    return all_.annotations_size() == 0 ? std::string() : all_.SerializeAsString();
  }

 private:
  WorkloadDirectory& directory_;
  v1::JournalAnnotations all_;
};

// The store, and whoever wants to hear of new records.
class Pipeline::Announcer final : public RecordSink {
 public:
  explicit Announcer(Pipeline& pipeline) : pipeline_(pipeline) {}

  std::uint64_t add_payload(const PayloadFrame& frame, Bytes bytes) override {
    return pipeline_.store_->add_payload(frame, bytes);
  }
  void add_record(const RecordPosition& position, const Id& session, const Id& call,
                  const v1::Record& record) override {
    pipeline_.store_->add_record(position, session, call, record);
    if (pipeline_.on_record_) pipeline_.on_record_(record);
  }

 private:
  Pipeline& pipeline_;
};

// Runs the journal through the builder again. Records that the store has are not made twice, nor is their
// payload.
class Pipeline::Replay final : public JournalReader, public SessionSource, public RecordSink {
 public:
  explicit Replay(Pipeline& pipeline) : pipeline_(pipeline), stored_(pipeline.store_->last_position()) {}

  Result<void> batch(const Batch& batch) override {
    last_batch_ = std::max(last_batch_, batch.number);
    if (batch.kind == BatchKind::snapshot) return load(batch);
    if (batch.kind == BatchKind::ring_ended) {
      const std::size_t separator = batch.notes.find('\0');
      if (separator == std::string_view::npos) return {};
      const Error reason(std::string(batch.notes.substr(0, separator)),
                         std::string(batch.notes.substr(separator + 1)));
      pipeline_.builder_.end_ring(batch.ring, batch.number, batch.time_ns, reason, *this);
      return pipeline_.store_->flush();
    }
    annotations_.Clear();
    if (!annotations_.ParseFromArray(batch.notes.data(), static_cast<int>(batch.notes.size())))
      annotations_.Clear();
    next_annotation_ = 0;
    const auto applied = pipeline_.builder_.apply(batch.ring, batch.events, batch.number, *this, *this);
    if (applied.error) {
      log_error("journal_batch_refused",
                {{"code", applied.error->code}, {"batch", std::to_string(batch.number)}});
    }
    pipeline_.builder_.set_ring_position(batch.ring, batch.ring_position);
    return pipeline_.store_->flush();
  }

  v1::JournalAnnotation annotate(const SessionOpened& event) override {
    const std::string id = id_bytes(event.session);
    while (next_annotation_ < annotations_.annotations_size()) {
      const auto& annotation = annotations_.annotations(next_annotation_++);
      if (annotation.session_id() == id) return annotation;
    }
    return {};
  }

  std::uint64_t add_payload(const PayloadFrame& frame, Bytes bytes) override {
    return recorded_.count(frame.call) != 0 ? 1 : pipeline_.store_->add_payload(frame, bytes);
  }
  void add_record(const RecordPosition& position, const Id& session, const Id& call,
                  const v1::Record& record) override {
    if (position > stored_) pipeline_.store_->add_record(position, session, call, record);
  }

  [[nodiscard]] const std::unordered_set<Id, IdHash>& recorded() const { return recorded_; }
  [[nodiscard]] std::uint64_t last_batch() const { return std::max(last_batch_, stored_.batch); }

 private:
  Result<void> load(const Batch& batch) {
    if (!knows_recorded_) {
      auto recorded = pipeline_.store_->recorded_since(batch.number);
      if (!recorded) return recorded.error();
      recorded_ = std::move(*recorded);
      knows_recorded_ = true;
    }
    v1::JournalSnapshot snapshot;
    Result<void> loaded = make_error("snapshot_damaged", "the journal's list of open calls cannot be read");
    if (snapshot.ParseFromArray(batch.notes.data(), static_cast<int>(batch.notes.size()))) {
      loaded = pipeline_.builder_.load(snapshot);
    }
    if (!loaded) log_error("journal_snapshot_damaged", {{"detail", loaded.error().message}});
    return {};
  }

  Pipeline& pipeline_;
  const RecordPosition stored_;
  std::unordered_set<Id, IdHash> recorded_;
  bool knows_recorded_ = false;
  v1::JournalAnnotations annotations_;
  int next_annotation_ = 0;
  std::uint64_t last_batch_ = 0;
};

Pipeline::Pipeline(Journal journal, std::unique_ptr<FileStore> store, PipelineOptions options,
                   WorkloadDirectory& directory)
    : journal_(std::move(journal)),
      store_(std::move(store)),
      builder_(options.limits),
      directory_(directory),
      on_record_(std::move(options.on_record)) {}

Pipeline::~Pipeline() = default;

Result<std::unique_ptr<Pipeline>> Pipeline::open(PipelineOptions options, WorkloadDirectory& directory) {
  auto store = FileStore::open(std::move(options.store));
  if (!store) return store.error();
  auto journal = Journal::open(std::move(options.journal));
  if (!journal) return journal.error();
  std::unique_ptr<Pipeline> pipeline(
      new Pipeline(std::move(*journal), std::move(*store), std::move(options), directory));
  Replay replay(*pipeline);
  CALLGATE_TRY(pipeline->journal_.replay(replay));
  pipeline->last_batch_ = replay.last_batch();
  pipeline->builder_.forget(replay.recorded());
  CALLGATE_TRY(pipeline->compact());
  return pipeline;
}

std::optional<Error> Pipeline::take(RingOwner owner, Bytes events, std::uint64_t position) {
  Annotations annotations(directory_);
  pending_.emplace();
  Batch& batch = pending_->batch;
  batch.kind = BatchKind::events;
  batch.number = ++last_batch_;
  batch.ring = owner;
  batch.ring_position = position;
  Announcer announcer(*this);
  auto applied = builder_.apply(owner, events, batch.number, annotations, announcer);
  builder_.set_ring_position(owner, position);
  batch.events = events.first(applied.bytes);
  pending_->notes = annotations.serialized();
  return std::move(applied.error);
}

void Pipeline::end_ring(RingOwner owner, const Error& reason) {
  pending_.emplace();
  Batch& batch = pending_->batch;
  batch.kind = BatchKind::ring_ended;
  batch.number = ++last_batch_;
  batch.ring = owner;
  batch.time_ns = wall_ns();
  pending_->notes = reason.code + '\0' + reason.message;
  Announcer announcer(*this);
  builder_.end_ring(owner, batch.number, batch.time_ns, reason, announcer);
}

Result<void> Pipeline::commit() {
  if (!pending_) return {};
  if (!pending_->journaled) {
    pending_->batch.notes = pending_->notes;
    CALLGATE_TRY(journal_.append(pending_->batch));
    pending_->journaled = true;
  }
  CALLGATE_TRY(store_->flush());
  pending_.reset();
  compact_when_full();
  return {};
}

Result<void> Pipeline::compact() {
  CALLGATE_TRY(store_->sync());
  return journal_.start_segment(builder_.save().SerializeAsString(), last_batch_);
}

void Pipeline::compact_when_full() {
  if (!journal_.full() || journal_.bytes() < compact_at_) return;
  if (const auto compacted = compact(); !compacted) {
    // The segment just grows on; another try follows when it has grown by a part of a segment.
    compact_at_ = journal_.bytes() + (std::uint64_t{8} << 20U);
    log_warning("journal_rotation_failed",
                {{"code", compacted.error().code}, {"detail", compacted.error().message}});
    return;
  }
  compact_at_ = 0;
}

}  // namespace callgate::record
