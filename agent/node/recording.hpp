// Everything between the proxies' rings and the evidence: makes the rings, runs the recorder and the
// retention, counts and logs each call.
//
// Rings can be made before the recorder runs (it adopts what lies in their directory), so that the proxy of
// the next callgated is up before it gets the state.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "config/config.hpp"
#include "node/call_log.hpp"
#include "node/checkpoint_push.hpp"
#include "node/metrics.hpp"
#include "record/recorder.hpp"
#include "record/retention.hpp"

namespace callgate::node {

class Recording {
 public:
  // `corrupt`: a ring of this generation held nonsense; called on the recorder's thread. All outlive this.
  Recording(const config::Config& config, record::WorkloadDirectory& workloads,
            std::function<void(std::uint32_t generation, const std::string& why)> corrupt);

  [[nodiscard]] Result<void> make_directory() const;
  [[nodiscard]] Result<void> start();
  // What is in the rings is on disk then; rings of proxies that live stay.
  void stop();

  // Rings of a new generation, one for each thread.
  [[nodiscard]] Result<std::vector<Fd>> open_rings(std::uint32_t generation, std::uint32_t threads);
  // The writer of these rings is gone.
  void rings_closed(std::uint32_t generation, std::uint32_t threads);

  [[nodiscard]] record::Recorder& recorder() { return *recorder_; }
  [[nodiscard]] record::Retention& retention() { return *retention_; }
  [[nodiscard]] const Metrics& metrics() const { return metrics_; }

 private:
  [[nodiscard]] std::string directory() const { return config_.run_dir + "/rings"; }
  [[nodiscard]] record::RecorderOptions recorder_options();
  [[nodiscard]] Result<void> start_retention();

  const config::Config& config_;
  record::WorkloadDirectory& workloads_;
  std::function<void(std::uint32_t, const std::string&)> corrupt_;
  Metrics metrics_;
  CallLog call_log_;     // of the recorder's thread
  CheckpointPush push_;  // of the log's thread
  std::unique_ptr<record::Recorder> recorder_;
  std::unique_ptr<record::Retention> retention_;  // uses the recorder
};

}  // namespace callgate::node
