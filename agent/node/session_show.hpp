// Answers ShowSession.
#pragma once

#include "control/server.hpp"
#include "node/evidence_reader.hpp"

namespace callgate::node {

// Errors: not_found, ambiguous, those of the store, and why a look at payload cannot be recorded.
[[nodiscard]] Result<void> show_session(const EvidenceReader& reader, const v1::ShowSessionRequest& request,
                                        control::Stream<v1::ShowSessionPart>& stream);

}  // namespace callgate::node
