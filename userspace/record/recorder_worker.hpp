// The thread of a Recorder; see recorder.hpp.
#pragma once

#include <condition_variable>
#include <deque>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "record/pipeline.hpp"
#include "record/recorder.hpp"
#include "record/store_queries.hpp"

namespace callgate::record {

class Recorder::Worker {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Worker>> open(RecorderOptions options,
                                                            WorkloadDirectory& directory);
  void start();
  void stop();

  [[nodiscard]] Result<void> add_ring(RingOwner owner);
  void ring_closed(RingOwner owner);
  [[nodiscard]] Result<void> record_event(v1::Record event);
  [[nodiscard]] RecorderStatus status() const;
  [[nodiscard]] const StoreQueries& queries() const { return *queries_; }
  [[nodiscard]] LogWorker& log() { return pipeline_->log(); }
  [[nodiscard]] PayloadStore& payload() { return pipeline_->payload(); }

 private:
  enum class Phase { reading, ending };
  struct Ring {
    explicit Ring(RingReader from) : reader(std::move(from)) {}
    RingReader reader;
    Phase phase = Phase::reading;
    bool abandoned = false;
    bool suspected = false;  // of having no writer any more
    std::uint64_t look_again_ns = 0;
    std::uint64_t synced = 0;  // position
    std::optional<Error> corrupt;
  };

  // Of somebody who waits for it.
  struct EventRequest {
    v1::Record record;
    std::promise<Result<void>> done;
  };

  explicit Worker(RecorderOptions options);
  [[nodiscard]] std::string path(RingOwner owner) const;
  [[nodiscard]] Result<Ring> open_ring(RingOwner owner, std::optional<std::uint64_t> position) const;
  void adopt_rings();
  void end_lost_rings();

  void run();
  bool round();  // whether there was work
  bool settle();
  bool drain(RingOwner owner, Ring& ring);
  void look_for_writer(Ring& ring, std::uint64_t now_ns);
  void end(RingOwner owner, Ring& ring, const Error& reason);
  void remove_ended();
  void record_events();
  void answer_events(const Result<void>& result);
  void request_syncs();
  void tell_synced();
  void fail(const Error& error);
  void take_requests();
  void publish_status();

  RecorderOptions options_;
  std::unique_ptr<Pipeline> pipeline_;
  std::unique_ptr<StoreQueries> queries_;

  // The thread's own.
  std::map<RingOwner, Ring> rings_;
  Ring* in_flight_ = nullptr;  // whose events are pending in the pipeline
  std::deque<EventRequest> events_;
  bool behind_ = false;  // a ring held so much that the next look at it must not wait
  RecorderStatus state_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::vector<std::pair<RingOwner, RingReader>> added_;
  std::vector<RingOwner> closed_;
  std::vector<EventRequest> asked_events_;
  std::uint64_t sync_wanted_ns_ = 0;  // when somebody last did
  bool synced_ = false;               // the log's thread put something on disk
  std::vector<RingOwner> known_;
  RecorderStatus status_;
  std::thread thread_;
};

}  // namespace callgate::record
