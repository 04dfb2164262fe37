// Payload of a record as the control API tells it: the bytes, or why there are none.
#pragma once

#include <string>

#include "callgate/v1/control.pb.h"
#include "record/store_queries.hpp"

namespace callgate::node {

struct PayloadOutcome {
  v1::PayloadChunk::State state = v1::PayloadChunk::STATE_PRESENT;
  std::string problem;  // of what is damaged
};

// Shows `visitor` what `query` asks for of a record's payload. Not being there any more is an outcome, not an
// error; the pieces that were shown before count then.
[[nodiscard]] Result<PayloadOutcome> read_payload(const record::StoreQueries& store, const v1::Record& record,
                                                  const payload::Query& query,
                                                  const payload::Visitor& visitor);

[[nodiscard]] v1::PayloadChunk::Direction chunk_direction(payload::Direction direction);
[[nodiscard]] v1::PayloadChunk::Kind chunk_kind(payload::Kind kind);

}  // namespace callgate::node
