#include "node/payload_reader.hpp"

#include <array>
#include <utility>

namespace callgate::node {
namespace {

constexpr std::array<std::pair<std::string_view, v1::PayloadChunk::State>, 4> states{{
    {"payload_expired", v1::PayloadChunk::STATE_EXPIRED},
    {"payload_erased", v1::PayloadChunk::STATE_ERASED},
    {"payload_damaged", v1::PayloadChunk::STATE_DAMAGED},
    {"key_missing", v1::PayloadChunk::STATE_DAMAGED},
}};

}  // namespace

Result<PayloadOutcome> read_payload(const record::StoreQueries& store, const v1::Record& record,
                                    const payload::Query& query, const payload::Visitor& visitor) {
  const auto visited = store.payload(record, query, visitor);
  if (visited) return PayloadOutcome{};
  for (const auto& [code, state] : states) {
    if (visited.error().code != code) continue;
    return PayloadOutcome{state,
                          state == v1::PayloadChunk::STATE_DAMAGED ? visited.error().message : std::string()};
  }
  return visited.error();
}

v1::PayloadChunk::Direction chunk_direction(payload::Direction direction) {
  return direction == payload::Direction::request ? v1::PayloadChunk::DIRECTION_REQUEST
                                                  : v1::PayloadChunk::DIRECTION_RESPONSE;
}

v1::PayloadChunk::Kind chunk_kind(payload::Kind kind) {
  switch (kind) {
    case payload::Kind::body:
      return v1::PayloadChunk::KIND_BODY;
    case payload::Kind::trailers:
      return v1::PayloadChunk::KIND_TRAILERS;
    case payload::Kind::stream:
      return v1::PayloadChunk::KIND_STREAM;
    default:
      return v1::PayloadChunk::KIND_HEAD;
  }
}

}  // namespace callgate::node
