// Runs the command that prints the keys.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace callgate::payload {

// Runs `command` (an absolute path and its arguments; no shell, no environment but PATH, nothing on standard
// input) and returns its standard output, at most `output_limit` bytes. Whatever it started is killed when it
// has ended, or when `timeout` has passed. Error key_command_failed: it cannot be run, exited with another
// status than 0 (the message has the beginning of its standard error), ran too long or printed too much.
[[nodiscard]] Result<std::string> run_key_command(const std::vector<std::string>& command,
                                                  std::chrono::milliseconds timeout,
                                                  std::size_t output_limit);

}  // namespace callgate::payload
