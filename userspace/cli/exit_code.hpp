// What the exit status of `callgate` means. `callgate run` ends as its command does, or with the codes of
// env(1).
#pragma once

#include "base/result.hpp"

namespace callgate::cli {

enum ExitCode : int {
  exit_ok = 0,
  exit_finding = 1,      // a check found something, or the request failed
  exit_usage = 2,        // the command line, or what it names, makes no sense
  exit_unreachable = 3,  // no agent answers
  exit_refused = 4,      // not permitted, or refused as things are
  exit_not_found = 5,
  exit_run_failed = 125,      // `callgate run` itself failed
  exit_not_executable = 126,  // the command of `callgate run` cannot be executed
  exit_no_command = 127,      // the command of `callgate run` was not found
};

[[nodiscard]] ExitCode exit_code_for(const Error& error);

}  // namespace callgate::cli
