// Answers ListSessions.
#pragma once

#include "node/evidence_reader.hpp"

namespace callgate::node {

// Errors: invalid, and those of the store.
[[nodiscard]] Result<v1::ListSessionsReply> list_sessions(const EvidenceReader& reader,
                                                          const v1::ListSessionsRequest& request);

}  // namespace callgate::node
