// A page of records as --json shows it: grouped by session, the session with the newest record first.
#pragma once

#include <string>

#include <boost/json/value.hpp>

#include "callgate/v1/control.pb.h"

namespace callgate::cli {

// {"sessions": [{"session", "workload", "spiffe_id", "calls", "functions", "records"}], "next_cursor"}.
// `calls` counts those on this page.
[[nodiscard]] boost::json::value sessions_to_json(const v1::ListSessionsReply& reply);

// {"count"}, and with a column that was counted by {"count", "by", "groups": [{"value", "count"}]}.
[[nodiscard]] boost::json::value counts_to_json(const v1::ListSessionsReply& reply, const std::string& by);

}  // namespace callgate::cli
