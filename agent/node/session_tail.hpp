// Answers TailSessions.
#pragma once

#include "control/server.hpp"
#include "node/evidence_reader.hpp"

namespace callgate::node {

// Returns when the stream is closed, or (without follow) when it has all records that there are. Every item
// carries a place from which another call goes on with exactly what follows it. Errors: invalid (among them a
// place that this store has not reached), those of the store.
[[nodiscard]] Result<void> tail_sessions(const EvidenceReader& reader, const v1::TailSessionsRequest& request,
                                         control::Stream<v1::TailItem>& stream);

}  // namespace callgate::node
