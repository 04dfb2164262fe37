// The daemon's life as an ordered list: each step starts one thing, and what was started is taken down in
// reverse, always.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "base/result.hpp"

namespace callgate::node {

struct Step {
  std::string name;  // for logs: "kernel programs"
  std::function<Result<void>()> start;
  std::function<void()> stop;  // may be empty
};

// Starts the steps in their order. At the first failure, what was started is stopped and the error is
// returned, with the name of the step before its message. The destructor stops the rest.
class RunningSteps {
 public:
  RunningSteps() = default;
  RunningSteps(const RunningSteps&) = delete;
  RunningSteps& operator=(const RunningSteps&) = delete;
  ~RunningSteps() { stop(); }

  [[nodiscard]] Result<void> start(std::vector<Step> steps) {
    for (Step& step : steps) {
      auto started = step.start();
      if (!started) {
        Error error = started.error();
        error.message = step.name + ": " + error.message;
        stop();
        return error;
      }
      log_debug("step_started", {{"step", step.name}});
      started_.push_back(std::move(step));
    }
    return {};
  }

  void stop() {
    while (!started_.empty()) {
      const Step step = std::move(started_.back());
      started_.pop_back();
      if (step.stop) step.stop();
      log_debug("step_stopped", {{"step", step.name}});
    }
  }

 private:
  std::vector<Step> started_;
};

}  // namespace callgate::node
