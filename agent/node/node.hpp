// callgated, put together: what exists, in which order it starts, and how it ends.
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "config/config.hpp"

namespace callgate::node {

// Runs the agent until SIGTERM or SIGINT, then drains and takes everything down but the enrolments, which
// stay attached and fail closed. `program` is the path of this executable, for the socket helper. Error: the
// first step that failed.
[[nodiscard]] Result<void> run_node(const config::Config& config, const std::string& program);

}  // namespace callgate::node
