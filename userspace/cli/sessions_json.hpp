// A page of records as --json shows it: grouped by session, the session with the newest record first.
#pragma once

#include <boost/json/value.hpp>

#include "callgate/v1/control.pb.h"

namespace callgate::cli {

// {"sessions": [{"session", "workload", "spiffe_id", "calls", "functions", "records"}], "next_cursor"}.
// `calls` counts those on this page.
[[nodiscard]] boost::json::value sessions_to_json(const v1::ListSessionsReply& reply);

}  // namespace callgate::cli
