// Answers SearchSessions: reads the payload of calls within a range of time, and finds text in it.
#pragma once

#include "control/server.hpp"
#include "node/evidence_reader.hpp"

namespace callgate::node {

// Runs on a thread of its own, with low priority for processor and disk, until it is through or the stream is
// closed. Memory is bounded. Errors: invalid, those of the store.
[[nodiscard]] Result<void> search_sessions(const EvidenceReader& reader,
                                           const v1::SearchSessionsRequest& request,
                                           control::Stream<v1::SearchPart>& stream);

}  // namespace callgate::node
