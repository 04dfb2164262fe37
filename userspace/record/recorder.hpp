// The recorder of callgated: one thread that empties the rings of all proxy threads into payload store and
// journal, and one that makes the audit log of it.
//
// It polls (every 10 ms, every 5 ms while calls wait for the disk, at once where there is much), so that a
// call costs no wake-up. A proxy that writes nonsense has its ring ended: what was valid before is kept, its
// open calls are recorded as interrupted, and the agent is told, which must end that proxy. Where something
// cannot be written, rings are not released any more, so that they fill up and proxies refuse calls; the
// recorder tries again until it can, and goes on where it stopped.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "record/pipeline.hpp"
#include "record/ring.hpp"
#include "record/store_queries.hpp"
#include "record/workload_directory.hpp"

namespace callgate::record {

struct RecorderOptions {
  PipelineOptions pipeline;
  std::string ring_directory;  // on tmpfs; rings of earlier generations are adopted from it
  std::chrono::milliseconds poll{10};
  std::chrono::milliseconds poll_synced{5};       // while calls wait until they are on disk
  std::chrono::milliseconds retry_interval{500};  // after a failure
  // A ring came to its end, on the recorder's thread: without an error where its writer is gone, with one
  // where it wrote nonsense and must be ended. May call back into nothing of the recorder.
  std::function<void(RingOwner, const std::optional<Error>&)> on_ring_ended;

  // Puts everything that is kept below one directory: `journal`, `payload`, `log` and `index`.
  void use_state_directory(const std::string& directory);
};

struct RecorderStatus {
  std::optional<Error> failure;  // why nothing can be recorded, with the cure
  std::uint64_t failing_since_ns = 0;
  std::uint64_t rings = 0;
  std::uint64_t ring_bytes_waiting = 0;
  std::uint64_t rings_corrupt = 0;  // ended for nonsense
  std::uint64_t batches = 0;
  std::uint64_t event_bytes = 0;
  std::uint64_t open_calls = 0;
  std::uint64_t journal_bytes = 0;
  std::uint64_t synced_at_ns = 0;  // of payload and journal; since 1970
  std::uint64_t records = 0;       // in the log, with those of other things than calls
};

class Recorder {
 public:
  // Recovers what an earlier recorder left in journal and rings, then starts the thread. Rings that still
  // have a writer are read on until it is gone. `directory` outlives the recorder. Errors: system errors,
  // disk_full.
  [[nodiscard]] static Result<std::unique_ptr<Recorder>> start(RecorderOptions options,
                                                               WorkloadDirectory& directory);
  // As stop().
  ~Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  // Any thread. Adds the ring that create_ring(ring_directory + "/" + ring_name(owner), ...) made; the
  // recorder opens the file for itself. The caller keeps its descriptor until the proxy has it, and no
  // longer: a copy in callgated would make the ring look alive for ever. Errors: ring_corrupt, exists,
  // stopped, system errors.
  [[nodiscard]] Result<void> add_ring(RingOwner owner);
  // Any thread. The writer of the ring is said to have ended: looked into at once instead of within a second.
  void ring_closed(RingOwner owner);
  // Any thread but the recorder's. Makes a record of something that is no call; waits until the journal has
  // it. Errors: stopped, and why nothing can be recorded.
  [[nodiscard]] Result<void> record_event(v1::Record event);
  // Reads what is in the rings, puts everything on disk and ends the threads. Rings with a living writer stay
  // where they are. Idempotent.
  void stop();

  [[nodiscard]] RecorderStatus status() const;
  [[nodiscard]] const StoreQueries& queries() const;
  [[nodiscard]] LogWorker& log();
  [[nodiscard]] PayloadStore& payload();

 private:
  class Worker;
  explicit Recorder(std::unique_ptr<Worker> worker);
  std::unique_ptr<Worker> worker_;
};

}  // namespace callgate::record
