// Answers ListSessions.
#pragma once

#include "node/record_scan.hpp"

namespace callgate::node {

// One stretch of the store, as the request says. Errors: invalid, and those of the store.
[[nodiscard]] Result<v1::ListSessionsReply> list_sessions(const record::StoreQueries& store,
                                                          const v1::ListSessionsRequest& request,
                                                          const Visible& visible,
                                                          std::uint64_t budget = scan_budget);

}  // namespace callgate::node
