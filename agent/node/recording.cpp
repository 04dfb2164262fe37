#include "node/recording.hpp"

#include <array>
#include <cerrno>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.hpp"
#include "base/file.hpp"

namespace callgate::node {
namespace {

// The name that checkpoints are signed under: of this node and no other.
std::string log_name(const config::Config& config) {
  if (!config.record.log_name.empty()) return config.record.log_name;
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0 || host[0] == '\0')
    return config.identity.trust_domain + "/log";
  return fmt::format("{}/log/{}", config.identity.trust_domain, host.data());
}

}  // namespace

Recording::Recording(const config::Config& config, record::WorkloadDirectory& workloads,
                     std::function<void(std::uint32_t, const std::string&)> corrupt)
    : config_(config),
      workloads_(workloads),
      corrupt_(std::move(corrupt)),
      call_log_(config.log_calls),
      push_(config.record.checkpoint_file, config.record.checkpoint_syslog) {}

Result<void> Recording::make_directory() const {
  CALLGATE_TRY(make_directories(config_.run_dir, 0755));
  CALLGATE_TRY(make_directories(directory(), 0700));
  // Whoever could write here could put a ring of his own in place.
  if (::chmod(directory().c_str(), 0700) != 0)
    return system_error(fmt::format("chmod {}", directory()), errno);
  return {};
}

record::RecorderOptions Recording::recorder_options() {
  record::RecorderOptions options;
  options.use_state_directory(config_.state_dir);
  options.ring_directory = directory();
  record::PipelineOptions& pipeline = options.pipeline;
  pipeline.journal.segment_size = config_.record.segment_size;
  pipeline.payload.keys.file =
      config_.record.key_file.empty() ? config_.state_dir + "/payload.keys" : config_.record.key_file;
  pipeline.payload.keys.command = config_.record.key_command;
  pipeline.log.sync_interval = config_.record.sync_interval;
  pipeline.log.log.name = log_name(config_);
  pipeline.log.log.key_file = config_.state_dir + "/log.key";
  pipeline.log.log.epoch_age = std::chrono::duration_cast<std::chrono::seconds>(config_.record.epoch);
  pipeline.log.on_checkpoint = [this](const std::string& note) { push_.push(note); };
  pipeline.on_record = [this](const v1::Record& record) {
    if (record.kind() == v1::Record::KIND_EVENT) return;
    metrics_.note(record);
    call_log_.note(record, monotonic_ns());
  };
  options.on_ring_ended = [this](record::RingOwner owner, const std::optional<Error>& error) {
    if (error) corrupt_(owner.generation, "its ring is corrupt: " + error->message);
  };
  return options;
}

Result<void> Recording::start() {
  auto recorder = record::Recorder::start(recorder_options(), workloads_);
  if (!recorder) return recorder.error();
  recorder_ = std::move(*recorder);
  return start_retention();
}

Result<void> Recording::start_retention() {
  record::RetentionOptions options;
  options.holds_file = config_.state_dir + "/holds";
  options.retain = std::chrono::duration_cast<std::chrono::seconds>(config_.record.retain);
  options.payload_size = config_.record.payload_size;
  options.record = [this](v1::Record record) { return recorder_->record_event(std::move(record)); };
  auto retention =
      record::Retention::start(std::move(options), recorder_->log(), *recorder_->payload().files);
  if (!retention) return retention.error();
  retention_ = std::move(*retention);
  return {};
}

void Recording::stop() {
  retention_.reset();
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
