// The thread of a Recorder; see recorder.hpp.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "record/pipeline.hpp"
#include "record/recorder.hpp"

namespace callgate::record {

class Recorder::Worker {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Worker>> open(RecorderOptions options,
                                                            WorkloadDirectory& directory);
  void start();
  void stop();

  [[nodiscard]] Result<void> add_ring(RingOwner owner);
  void ring_closed(RingOwner owner);
  [[nodiscard]] RecorderStatus status() const;
  [[nodiscard]] StoreQueries& queries() { return pipeline_->queries(); }

 private:
  enum class Phase { reading, ending };
  struct Ring {
    explicit Ring(RingReader from) : reader(std::move(from)), journaled(reader.read_position()) {}
    RingReader reader;
    Phase phase = Phase::reading;
    bool abandoned = false;
    bool suspected = false;  // of having no writer any more
    std::uint64_t look_again_ns = 0;
    std::uint64_t journaled;  // position
    std::uint64_t synced = 0;
    std::optional<Error> corrupt;
  };

  Worker(RecorderOptions options, std::unique_ptr<Pipeline> pipeline);
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
  void sync(bool now);
  // Whether a call waits for something that is in the journal to be on disk.
  [[nodiscard]] bool sync_awaited() const;
  void fail(const Error& error);
  void take_requests();
  void publish_status();

  RecorderOptions options_;
  std::unique_ptr<Pipeline> pipeline_;

  // The thread's own.
  std::map<RingOwner, Ring> rings_;
  Ring* in_flight_ = nullptr;  // whose events are pending in the pipeline
  std::unique_ptr<std::uint8_t[]> buffer_;
  std::uint64_t synced_ns_ = 0;
  bool unsynced_ = false;
  bool behind_ = false;  // a ring held so much that the next look at it must not wait
  RecorderStatus state_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  bool stopped_ = false;
  std::vector<std::pair<RingOwner, RingReader>> added_;
  std::vector<RingOwner> closed_;
  std::vector<RingOwner> known_;
  RecorderStatus status_;
  std::thread thread_;
};

}  // namespace callgate::record
