// Payload of a record as the control API tells it: the bytes, or why there are none.
#pragma once

#include <functional>
#include <string>

#include "callgate/v1/control.pb.h"
#include "record/store.hpp"

namespace callgate::node {

struct PayloadOutcome {
  v1::PayloadChunk::State state = v1::PayloadChunk::STATE_PRESENT;
  std::string problem;  // of what is damaged
};

// Shows `take` the pieces of one direction and kind, in order, until it returns false. Not being there any
// more is an outcome, not an error; the pieces that were shown before count then.
[[nodiscard]] Result<PayloadOutcome> read_payload(const record::StoreQueries& store, const v1::Record& record,
                                                  record::Direction direction, record::FrameKind kind,
                                                  const std::function<bool(record::PayloadPiece&)>& take);

[[nodiscard]] v1::PayloadChunk::Direction chunk_direction(record::Direction direction);
[[nodiscard]] v1::PayloadChunk::Kind chunk_kind(record::FrameKind kind);

}  // namespace callgate::node
