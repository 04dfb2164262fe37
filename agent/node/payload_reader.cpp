#include "node/payload_reader.hpp"

#include <array>
#include <utility>

namespace callgate::node {
namespace {

constexpr std::uint64_t payload_limit = 1ULL << 30U;

constexpr std::array<std::pair<std::string_view, v1::PayloadChunk::State>, 5> states{{
    {"payload_expired", v1::PayloadChunk::STATE_EXPIRED},
    {"not_found", v1::PayloadChunk::STATE_EXPIRED},  // payloads go before their records do
    {"payload_erased", v1::PayloadChunk::STATE_ERASED},
    {"payload_damaged", v1::PayloadChunk::STATE_DAMAGED},
    {"record_damaged", v1::PayloadChunk::STATE_DAMAGED},
}};

}  // namespace

Result<PayloadOutcome> read_payload(const record::StoreQueries& store, const v1::Record& record,
                                    record::Direction direction, record::FrameKind kind,
                                    const std::function<bool(record::PayloadPiece&)>& take) {
  auto pieces = store.payload(record, direction, kind, payload_limit);
  if (!pieces) {
    for (const auto& [code, state] : states) {
      if (pieces.error().code != code) continue;
      return PayloadOutcome{
          state, state == v1::PayloadChunk::STATE_DAMAGED ? pieces.error().message : std::string()};
    }
    return pieces.error();
  }
  for (auto& piece : *pieces) {
    if (!take(piece)) break;
    piece.bytes = {};
  }
  return PayloadOutcome{};
}

v1::PayloadChunk::Direction chunk_direction(record::Direction direction) {
  return direction == record::Direction::request ? v1::PayloadChunk::DIRECTION_REQUEST
                                                 : v1::PayloadChunk::DIRECTION_RESPONSE;
}

v1::PayloadChunk::Kind chunk_kind(record::FrameKind kind) {
  switch (kind) {
    case record::FrameKind::body:
      return v1::PayloadChunk::KIND_BODY;
    case record::FrameKind::trailers:
      return v1::PayloadChunk::KIND_TRAILERS;
    case record::FrameKind::stream:
      return v1::PayloadChunk::KIND_STREAM;
    default:
      return v1::PayloadChunk::KIND_HEAD;
  }
}

}  // namespace callgate::node
