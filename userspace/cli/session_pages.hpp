// Records, and counts of them, asked for stretch by stretch until they are all there.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "callgate/v1/control.pb.h"
#include "control/client.hpp"

namespace callgate::cli {

inline constexpr std::uint64_t no_limit = std::numeric_limits<std::uint64_t>::max();

// Gives `take` at most `limit` records in the order of time, in portions of at most 1000, until it returns
// false. Returns the page token from which to go on; empty: that was all.
[[nodiscard]] Result<std::string> each_page(control::Client& client, v1::ListSessionsRequest request,
                                            std::uint64_t limit,
                                            const std::function<bool(const v1::ListSessionsReply&)>& take);

// The `limit` longest (or, with reverse, shortest) calls, in that order; at most 1000.
[[nodiscard]] Result<v1::ListSessionsReply> longest_calls(control::Client& client,
                                                          v1::ListSessionsRequest request,
                                                          std::uint32_t limit);

// With the groups that have the most calls first. Error too_many where there are more than 100,000.
[[nodiscard]] Result<v1::ListSessionsReply> count_calls(control::Client& client,
                                                        v1::ListSessionsRequest request);

}  // namespace callgate::cli
