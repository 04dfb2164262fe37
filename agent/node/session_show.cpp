#include "node/session_show.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "node/payload_reader.hpp"

namespace callgate::node {
namespace {

using record::Direction;
using record::FrameKind;

constexpr std::size_t chunk_size = 256U << 10U;
constexpr std::uint64_t sorted_limit = 256ULL << 20U;
constexpr std::array directions{Direction::request, Direction::response};
constexpr std::array kinds{FrameKind::head, FrameKind::body, FrameKind::trailers, FrameKind::stream};

// Sends the payload of one record. Its methods return false once the reader has gone.
class PayloadSender {
 public:
  PayloadSender(const record::StoreQueries& store, const v1::Record& record,
                control::Stream<v1::ShowSessionPart>& stream)
      : store_(store), record_(record), stream_(stream) {}

  Result<bool> by_kind() {
    for (const Direction direction : directions) {
      PayloadOutcome outcome;
      for (const FrameKind kind : kinds) {
        auto read = read_payload(store_, record_, direction, kind, [&](const record::PayloadPiece& piece) {
          return here_ = send(direction, kind, piece);
        });
        if (!read) return read.error();
        outcome = std::move(*read);
        if (!here_) return false;
        // The other kinds lie in the same place.
        if (outcome.state != v1::PayloadChunk::STATE_PRESENT) break;
        if (kind == FrameKind::body && !tell_cut(direction, kind)) return false;
      }
      if (!tell_end(direction, outcome)) return false;
    }
    return true;
  }

  Result<bool> by_time() {
    std::uint64_t size = 0;
    std::vector<Placed> all;
    std::array<PayloadOutcome, directions.size()> outcomes;
    for (const Direction direction : directions) {
      PayloadOutcome& outcome = outcomes[place(direction)];
      for (const FrameKind kind : kinds) {
        auto read = read_payload(store_, record_, direction, kind, [&](record::PayloadPiece& piece) {
          size += piece.bytes.size();
          all.push_back({direction, kind, std::move(piece)});
          return size <= sorted_limit;
        });
        if (!read) return read.error();
        if (size > sorted_limit) return too_much();
        outcome = std::move(*read);
        if (outcome.state != v1::PayloadChunk::STATE_PRESENT) break;
      }
    }
    std::stable_sort(all.begin(), all.end(), [](const Placed& left, const Placed& right) {
      return left.piece.time_ns < right.piece.time_ns;
    });
    for (auto& placed : all) {
      if (!send(placed.direction, placed.kind, placed.piece)) return false;
      placed.piece.bytes = {};
    }
    for (const Direction direction : directions) {
      if (!tell_cut(direction, FrameKind::body) || !tell_end(direction, outcomes[place(direction)]))
        return false;
    }
    return true;
  }

 private:
  struct Placed {
    Direction direction;
    FrameKind kind;
    record::PayloadPiece piece;
  };

  [[nodiscard]] const v1::Content& content(Direction direction) const {
    return direction == Direction::request ? record_.request() : record_.response();
  }
  static std::size_t place(FrameKind kind) { return static_cast<std::size_t>(kind); }
  static std::size_t place(Direction direction) { return static_cast<std::size_t>(direction); }
  [[nodiscard]] std::uint64_t& sent(Direction direction, FrameKind kind) {
    return sent_[place(direction)][place(kind)];
  }

  static Error too_much() {
    return make_error(
        "too_large",
        "the call has more than 256 MiB of payload, too much to be put in the order of time: see "
        "`callgate sessions show` or `export`");
  }

  static v1::PayloadChunk& chunk_of(v1::ShowSessionPart& part, Direction direction, FrameKind kind) {
    auto& chunk = *part.mutable_payload();
    chunk.set_direction(chunk_direction(direction));
    chunk.set_kind(chunk_kind(kind));
    return chunk;
  }

  bool send(Direction direction, FrameKind kind, const record::PayloadPiece& piece) {
    v1::ShowSessionPart part;
    auto& chunk = chunk_of(part, direction, kind);
    chunk.set_time_ns(piece.time_ns);
    for (std::size_t at = 0; at < piece.bytes.size(); at += chunk_size) {
      chunk.set_data(piece.bytes.substr(at, chunk_size));
      chunk.set_offset(piece.offset + at);
      sent(direction, kind) += chunk.data().size();
      if (!stream_.write(part)) return false;
    }
    return true;
  }

  // More passed than was captured: said behind the bytes that were, or where they would be.
  bool tell_cut(Direction direction, FrameKind kind) {
    if (!content(direction).truncated()) return true;
    const auto captured = sent(direction, kind);
    const bool nothing = sent(direction, FrameKind::body) + sent(direction, FrameKind::stream) == 0;
    if (captured == 0 && !(nothing && kind == FrameKind::stream)) return true;
    v1::ShowSessionPart part;
    auto& chunk = chunk_of(part, direction, nothing ? FrameKind::body : kind);
    chunk.set_offset(captured);
    chunk.set_truncated(true);
    chunk.set_omitted(content(direction).size() > captured ? content(direction).size() - captured : 0);
    return stream_.write(part);
  }

  bool tell_end(Direction direction, const PayloadOutcome& outcome) {
    if (outcome.state != v1::PayloadChunk::STATE_PRESENT) return tell_loss(direction, outcome);
    return tell_cut(direction, FrameKind::stream) && tell_gap(direction);
  }

  // Bytes that the record counts and the store does not give must not pass for bytes that never were.
  bool tell_gap(Direction direction) {
    std::uint64_t all = 0;
    for (const auto of_kind : sent_[place(direction)])
      all += of_kind;
    const auto captured = content(direction).captured_size();
    if (all >= captured) return true;
    return tell_loss(direction,
                     {v1::PayloadChunk::STATE_DAMAGED,
                      fmt::format("{} of {} captured bytes are missing", captured - all, captured)});
  }

  bool tell_loss(Direction direction, const PayloadOutcome& outcome) {
    v1::ShowSessionPart part;
    const bool head = !content(direction).head_sha256().empty();
    const bool body = !content(direction).body_sha256().empty();
    const bool captured = !head && content(direction).captured_size() > 0;
    for (const auto& [kind, lost] :
         {std::pair{FrameKind::head, head && sent(direction, FrameKind::head) == 0},
          std::pair{FrameKind::body, body || captured}}) {
      if (!lost) continue;
      auto& chunk = chunk_of(part, direction, kind);
      chunk.set_state(outcome.state);
      chunk.set_problem(outcome.problem);
      if (!stream_.write(part)) return false;
    }
    return true;
  }

  const record::StoreQueries& store_;
  const v1::Record& record_;
  control::Stream<v1::ShowSessionPart>& stream_;
  std::array<std::array<std::uint64_t, kinds.size()>, directions.size()> sent_{};
  bool here_ = true;
};

}  // namespace

Result<void> show_session(const record::StoreQueries& store, const v1::ShowSessionRequest& request,
                          const Visible& visible, control::Stream<v1::ShowSessionPart>& stream) {
  const auto session = store.find_session(request.id());
  if (!session) return session.error();
  const auto records = store.show(*session);
  if (!records) return records.error();
  bool shown = false;
  for (const v1::Record& record : *records) {
    if (!visible(record) || (!request.call_id().empty() && record.call_id() != request.call_id())) continue;
    shown = true;
    v1::ShowSessionPart part;
    *part.mutable_record() = record;
    if (!stream.write(part)) return {};
    if (request.without_payloads()) continue;
    PayloadSender sender(store, record, stream);
    const auto sent = request.in_time_order() ? sender.by_time() : sender.by_kind();
    if (!sent) return sent.error();
    if (!*sent) return {};
  }
  // Whose sessions exist is nobody else's business.
  if (!shown) return make_error("not_found", "no session or call has this id: see `callgate sessions list`");
  return {};
}

}  // namespace callgate::node
