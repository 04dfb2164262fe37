// What recorded calls say of two sets of policies.
#pragma once

#include <boost/json/object.hpp>

#include "cli/output.hpp"
#include "cli/recorded_calls.hpp"
#include "suggest/replay.hpp"

namespace callgate::cli {

void print_replay(const suggest::Replay& replay, const Output& output);
[[nodiscard]] boost::json::object replay_to_json(const suggest::Replay& replay);

}  // namespace callgate::cli
