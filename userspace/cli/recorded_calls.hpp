// All records that the agent has of a workload and a time, whatever their number.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "base/result.hpp"
#include "callgate/v1/control.pb.h"
#include "cli/command.hpp"

namespace callgate::cli {

struct RecordedCallsOptions {
  std::string workload;  // name; empty: any
  std::string since = "7d";
  std::string until;
};

// Adds --workload, --since and --until.
std::vector<CLI::Option*> add_recorded_calls_options(CLI::App& command, RecordedCallsOptions& options);

// Gives each record to `take`, the newest first, and tells a terminal how far it is. Only one page of them is
// held at a time. Returns how many there were. Errors: invalid (a time), those of the client.
[[nodiscard]] Result<std::uint64_t> read_recorded_calls(const Context& context,
                                                        const RecordedCallsOptions& options,
                                                        const std::function<void(const v1::Record&)>& take);

}  // namespace callgate::cli
