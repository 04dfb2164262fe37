#include "node/recording.hpp"

#include <cerrno>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.hpp"
#include "base/file.hpp"

namespace callgate::node {

Recording::Recording(const config::Config& config, record::WorkloadDirectory& workloads,
                     std::function<void(std::uint32_t, const std::string&)> corrupt)
    : config_(config), workloads_(workloads), corrupt_(std::move(corrupt)), call_log_(config.log_calls) {}

Result<void> Recording::make_directory() const {
  CALLGATE_TRY(make_directories(config_.run_dir, 0755));
  CALLGATE_TRY(make_directories(directory(), 0700));
  // Whoever could write here could put a ring of his own in place.
  if (::chmod(directory().c_str(), 0700) != 0)
    return system_error(fmt::format("chmod {}", directory()), errno);
  return {};
}

Result<void> Recording::start() {
  record::RecorderOptions options;
  options.state_directory = config_.state_dir;
  options.ring_directory = directory();
  options.journal_segment = config_.record.segment_size;
  options.sync_interval = config_.record.sync_interval;
  options.on_ring_ended = [this](record::RingOwner owner, const std::optional<Error>& error) {
    if (error) corrupt_(owner.generation, "its ring is corrupt: " + error->message);
  };
  options.on_record = [this](const v1::Record& record) {
    metrics_.note(record);
    call_log_.note(record, monotonic_ns());
  };
  auto recorder = record::Recorder::start(std::move(options), workloads_);
  if (!recorder) return recorder.error();
  recorder_ = std::move(*recorder);
  return {};
}

void Recording::stop() {
  recorder_.reset();
}

Result<std::vector<Fd>> Recording::open_rings(std::uint32_t generation, std::uint32_t threads) {
  std::vector<Fd> opened;
  for (std::uint32_t thread = 0; thread < threads; ++thread) {
    const record::RingOwner owner{generation, thread};
    auto ring = record::create_ring(directory() + "/" + record::ring_name(owner), config_.rings.size, owner);
    if (!ring) return ring.error();
    opened.push_back(std::move(*ring));
    if (recorder_) CALLGATE_TRY(recorder_->add_ring(owner));
  }
  return opened;
}

void Recording::rings_closed(std::uint32_t generation, std::uint32_t threads) {
  if (!recorder_) return;  // the next one that runs finds them
  for (std::uint32_t thread = 0; thread < threads; ++thread)
    recorder_->ring_closed({generation, thread});
}

}  // namespace callgate::node
