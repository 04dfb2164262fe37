// Answers ShowSession.
#pragma once

#include "control/server.hpp"
#include "node/record_scan.hpp"

namespace callgate::node {

// Errors: not_found, ambiguous, too_large (payload in the order of time is sorted in memory), those of the
// store.
[[nodiscard]] Result<void> show_session(const record::StoreQueries& store,
                                        const v1::ShowSessionRequest& request, const Visible& visible,
                                        control::Stream<v1::ShowSessionPart>& stream);

}  // namespace callgate::node
