// callgated, put together: what exists, in which order it starts, and how it ends.
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "config/config.hpp"

namespace callgate::node {

struct NodeOptions {
  std::string program;      // path of this executable, for the socket helper and the next callgated
  std::string config_path;  // absolute, for the next callgated
  bool replace = false;     // take the place of the one that runs, if one does
  bool dry_run = false;     // only test whether that would work
};

// Runs the agent until SIGTERM or SIGINT, then drains and takes everything down but the enrolments, which
// stay attached and fail closed; or until another callgated has replaced it. Error: the first step that
// failed.
[[nodiscard]] Result<void> run_node(const config::Config& config, NodeOptions options);

}  // namespace callgate::node
