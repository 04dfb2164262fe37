#include "record/recorder_worker.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "base/log.hpp"

namespace callgate::record {
namespace {

constexpr std::size_t batch_size = 4U << 20U;
constexpr std::uint64_t look_interval_ns = 1'000'000'000;
constexpr std::uint64_t suspicion_interval_ns = 20'000'000;
constexpr std::uint64_t synced_pace_ns = 1'000'000'000;  // so long after the last call that waited
constexpr int rounds_to_stop = 10'000;

std::string name(RingOwner owner) {
  return fmt::format("{}-{}", owner.generation, owner.thread);
}

Error proxy_gone() {
  return make_error("agent_ended", "callgate-proxy ended while this was open; callgated has started another");
}

}  // namespace

Recorder::Worker::Worker(RecorderOptions options) : options_(std::move(options)) {}

Result<std::unique_ptr<Recorder::Worker>> Recorder::Worker::open(RecorderOptions options,
                                                                 WorkloadDirectory& directory) {
  CALLGATE_TRY(make_directories(options.ring_directory, 0700));
  std::unique_ptr<Worker> worker(new Worker(std::move(options)));
  PipelineOptions& pipeline_options = worker->options_.pipeline;
  pipeline_options.log.on_synced = [&worker = *worker] {
    {
      const std::lock_guard lock(worker.mutex_);
      worker.synced_ = true;
    }
    worker.wake_.notify_all();
  };
  auto pipeline = Pipeline::open(std::move(pipeline_options), directory);
  if (!pipeline) return pipeline.error();
  worker->pipeline_ = std::move(*pipeline);
  worker->queries_ = std::make_unique<StoreQueries>(worker->pipeline_->log(), worker->pipeline_->payload());
  worker->adopt_rings();
  worker->end_lost_rings();
  worker->publish_status();
  return worker;
}

std::string Recorder::Worker::path(RingOwner owner) const {
  return options_.ring_directory + "/" + ring_name(owner);
}

Result<Recorder::Worker::Ring> Recorder::Worker::open_ring(RingOwner owner,
                                                           std::optional<std::uint64_t> position) const {
  Fd file(::open(path(owner).c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!file) return system_error(fmt::format("open {}", path(owner)), errno);
  auto reader = RingReader::open(std::move(file));
  if (!reader) return reader.error();
  if (position) CALLGATE_TRY(reader->seek(*position));
  return Ring(std::move(*reader));
}

// Takes over the rings of earlier generations, from where the journal left off.
void Recorder::Worker::adopt_rings() {
  std::error_code failure;
  for (const auto& entry : std::filesystem::directory_iterator(options_.ring_directory, failure)) {
    const auto owner = parse_ring_name(entry.path().filename().string());
    if (!owner) continue;
    auto ring = open_ring(*owner, pipeline_->ring_position(*owner));
    if (!ring) {
      log_error("ring_refused",
                {{"ring", name(*owner)}, {"code", ring.error().code}, {"detail", ring.error().message}});
      ::unlink(entry.path().c_str());
      continue;
    }
    ring->suspected = true;
    rings_.emplace(*owner, std::move(*ring));
    known_.push_back(*owner);
  }
  if (failure)
    log_error("rings_not_listed", {{"directory", options_.ring_directory}, {"detail", failure.message()}});
}

// Ends what the journal knows of rings whose files are gone, as after a restart of the machine.
void Recorder::Worker::end_lost_rings() {
  for (const RingOwner owner : pipeline_->rings()) {
    if (rings_.count(owner) != 0) continue;
    pipeline_->end_ring(owner, proxy_gone());
    if (const auto done = pipeline_->commit(); !done) {
      fail(done.error());
      return;  // run() carries on
    }
  }
}

void Recorder::Worker::start() {
  thread_ = std::thread([this] { run(); });
}

void Recorder::Worker::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Result<void> Recorder::Worker::add_ring(RingOwner owner) {
  // The position of a new ring is 0, whatever its writer may have made of the header by now.
  auto ring = open_ring(owner, 0);
  if (!ring) return ring.error();
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return make_error("stopped", "the recorder has been stopped");
    if (std::find(known_.begin(), known_.end(), owner) != known_.end()) {
      return make_error("exists", fmt::format("the ring {} is being read already", name(owner)));
    }
    known_.push_back(owner);
    added_.emplace_back(owner, std::move(ring->reader));
  }
  wake_.notify_all();
  return {};
}

void Recorder::Worker::ring_closed(RingOwner owner) {
  {
    const std::lock_guard lock(mutex_);
    closed_.push_back(owner);
  }
  wake_.notify_all();
}

Result<void> Recorder::Worker::record_event(v1::Record event) {
  std::future<Result<void>> done;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return make_error("stopped", "the recorder has been stopped");
    asked_events_.push_back({std::move(event), {}});
    done = asked_events_.back().done.get_future();
  }
  wake_.notify_all();
  return done.get();
}

RecorderStatus Recorder::Worker::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

void Recorder::Worker::publish_status() {
  state_.rings = rings_.size();
  state_.ring_bytes_waiting = 0;
  for (const auto& [owner, ring] : rings_)
    state_.ring_bytes_waiting += ring.reader.lag();
  state_.open_calls = pipeline_->open_calls();
  state_.journal_bytes = pipeline_->journal_bytes();
  state_.synced_at_ns = pipeline_->log().synced_at_ns();
  state_.records = pipeline_->log().entries();
  const std::lock_guard lock(mutex_);
  status_ = state_;
  if (!status_.failure) status_.failure = pipeline_->log().failure();
}

void Recorder::Worker::take_requests() {
  std::vector<std::pair<RingOwner, RingReader>> added;
  std::vector<RingOwner> closed;
  {
    const std::lock_guard lock(mutex_);
    added.swap(added_);
    closed.swap(closed_);
    std::move(asked_events_.begin(), asked_events_.end(), std::back_inserter(events_));
    asked_events_.clear();
  }
  for (auto& [owner, reader] : added)
    rings_.emplace(owner, Ring(std::move(reader)));
  for (const RingOwner owner : closed) {
    const auto ring = rings_.find(owner);
    if (ring == rings_.end()) continue;
    ring->second.suspected = true;
    ring->second.look_again_ns = 0;
  }
}

void Recorder::Worker::run() {
  constexpr std::uint64_t status_interval_ns = 100'000'000;
  std::uint64_t published_ns = 0;
  int rounds_left = rounds_to_stop;
  for (;;) {
    take_requests();
    const bool worked = round();
    tell_synced();
    if (const std::uint64_t now = monotonic_ns();
        now - published_ns >= status_interval_ns || state_.failure) {
      publish_status();
      published_ns = now;
    }
    std::unique_lock lock(mutex_);
    if (stopping_ && (!worked || --rounds_left == 0)) break;
    if (stopping_) continue;
    if (std::exchange(behind_, false) && !state_.failure) continue;
    const auto wait = state_.failure                                      ? options_.retry_interval
                      : monotonic_ns() - sync_wanted_ns_ < synced_pace_ns ? options_.poll_synced
                                                                          : options_.poll;
    wake_.wait_for(lock, wait, [this] {
      return stopping_ || synced_ || !added_.empty() || !closed_.empty() || !asked_events_.empty();
    });
  }
  take_requests();  // what was asked between the last look and the stop has somebody who waits
  answer_events(make_error("stopped", "the recorder has been stopped"));
  if (!pipeline_->pending()) {
    if (const auto closed = pipeline_->close(); !closed) fail(closed.error());
  }
  tell_synced();
  publish_status();
}

// Makes records of what others asked for; they wait.
void Recorder::Worker::record_events() {
  while (!events_.empty()) {
    EventRequest request = std::move(events_.front());
    events_.pop_front();
    pipeline_->add_event(std::move(request.record));
    const auto done = pipeline_->commit();
    request.done.set_value(done);
    if (done) continue;
    fail(done.error());
    answer_events(done);
    return;
  }
}

void Recorder::Worker::answer_events(const Result<void>& result) {
  for (EventRequest& request : std::exchange(events_, {}))
    request.done.set_value(result);
}

bool Recorder::Worker::round() {
  if (!settle()) {
    answer_events(*state_.failure);
    return false;
  }
  end_lost_rings();
  if (!pipeline_->pending()) record_events();
  if (pipeline_->pending()) return false;
  pipeline_->tidy();
  request_syncs();
  bool worked = false;
  const std::uint64_t now = monotonic_ns();
  for (auto& [owner, ring] : rings_) {
    if (now >= ring.look_again_ns) look_for_writer(ring, now);
    if (drain(owner, ring)) worked = true;
    if (pipeline_->pending()) break;
  }
  remove_ended();
  return worked;
}

void Recorder::Worker::look_for_writer(Ring& ring, std::uint64_t now_ns) {
  ring.look_again_ns = now_ns + (ring.suspected ? suspicion_interval_ns : look_interval_ns);
  if (ring.abandoned) return;
  const auto abandoned = ring.reader.abandoned();
  ring.abandoned = abandoned && *abandoned;
}

// Reads a ring once; whether there was anything to do.
bool Recorder::Worker::drain(RingOwner owner, Ring& ring) {
  if (ring.phase != Phase::reading) return false;
  if (ring.corrupt) {
    end(owner, ring, *ring.corrupt);
    return true;
  }
  const auto events = ring.reader.read(batch_size);
  if (!events) {
    ring.corrupt = events.error();
    end(owner, ring, events.error());
    return true;
  }
  if (events->empty()) {
    if (!ring.abandoned) return false;
    end(owner, ring, proxy_gone());
    return true;
  }
  ring.corrupt = pipeline_->take(owner, *events, ring.reader.read_position());
  ++state_.batches;
  state_.event_bytes += events->size();
  if (ring.reader.lag() >= batch_size / 8) behind_ = true;
  in_flight_ = &ring;
  if (!settle()) return true;
  if (ring.corrupt) end(owner, ring, *ring.corrupt);
  return true;
}

// Carries out what is pending; false where that fails.
bool Recorder::Worker::settle() {
  if (const auto done = pipeline_->commit(); !done) {
    fail(done.error());
    return false;
  }
  if (state_.failure) {
    log_info("recording_resumed", {{"failure", state_.failure->code}});
    state_.failure.reset();
    state_.failing_since_ns = 0;
  }
  if (in_flight_ != nullptr) {
    Ring& ring = *in_flight_;
    in_flight_ = nullptr;
    if (const auto released = ring.reader.release(); !released && !ring.corrupt)
      ring.corrupt = released.error();
  }
  return true;
}

void Recorder::Worker::end(RingOwner owner, Ring& ring, const Error& reason) {
  ring.phase = Phase::ending;
  if (ring.corrupt) {
    ++state_.rings_corrupt;
    log_error("ring_corrupt", {{"ring", name(owner)}, {"code", reason.code}, {"detail", reason.message}});
  }
  pipeline_->end_ring(owner, reason);
  if (const auto done = pipeline_->commit(); !done) fail(done.error());
}

void Recorder::Worker::remove_ended() {
  if (pipeline_->pending()) return;
  for (auto ring = rings_.begin(); ring != rings_.end();) {
    if (ring->second.phase != Phase::ending) {
      ++ring;
      continue;
    }
    const RingOwner owner = ring->first;
    const std::optional<Error> corrupt = std::move(ring->second.corrupt);
    if (::unlink(path(owner).c_str()) != 0) log_warning("ring_not_removed", {{"file", path(owner)}});
    ring = rings_.erase(ring);
    {
      const std::lock_guard lock(mutex_);
      known_.erase(std::remove(known_.begin(), known_.end(), owner), known_.end());
    }
    if (options_.on_ring_ended) options_.on_ring_ended(owner, corrupt);
  }
}

// Calls wait for something to be on disk that the journal has.
void Recorder::Worker::request_syncs() {
  for (const auto& [owner, ring] : rings_) {
    const std::uint64_t position = std::min(ring.reader.released_position(), ring.reader.sync_wanted());
    if (position <= ring.synced) continue;
    pipeline_->log().request_sync(owner, position);
    sync_wanted_ns_ = monotonic_ns();
  }
}

// Tells the writers what is on disk.
void Recorder::Worker::tell_synced() {
  {
    const std::lock_guard lock(mutex_);
    synced_ = false;
  }
  for (const auto& [owner, position] : pipeline_->log().take_synced()) {
    const auto ring = rings_.find(owner);
    if (ring == rings_.end()) continue;
    ring->second.synced = position;
    if (const auto told = ring->second.reader.set_synced_position(position); !told) {
      log_debug("ring_not_told", {{"ring", name(owner)}, {"code", told.error().code}});
    }
  }
}

void Recorder::Worker::fail(const Error& error) {
  if (!state_.failure) {
    state_.failing_since_ns = wall_ns();
    log_error("recording_failed", {{"code", error.code}, {"detail", error.message}});
  }
  state_.failure = error;
}

}  // namespace callgate::record
