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
      sent_ = {};
      for (const FrameKind kind : kinds) {
        const auto outcome = read_payload(
            store_, record_, direction, kind,
            [&](const record::PayloadPiece& piece) { return here_ = send(direction, kind, piece); });
        if (!outcome) return outcome.error();
        if (!here_) return false;
        if (outcome->state != v1::PayloadChunk::STATE_PRESENT) {
          if (!tell_loss(direction, *outcome)) return false;
          break;  // the other kinds lie in the same place
        }
        if (kind == FrameKind::body && !tell_cut(direction, kind)) return false;
        if (kind == FrameKind::stream && !(tell_cut(direction, kind) && tell_gap(direction))) return false;
      }
    }
    return true;
  }

  Result<bool> by_time() {
    struct Placed {
      Direction direction;
      FrameKind kind;
      record::PayloadPiece piece;
    };
    std::vector<Placed> all;
    std::uint64_t size = 0;
    std::vector<std::pair<Direction, PayloadOutcome>> losses;
    for (const Direction direction : directions) {
      for (const FrameKind kind : kinds) {
        const auto outcome = read_payload(store_, record_, direction, kind, [&](record::PayloadPiece& piece) {
          size += piece.bytes.size();
          all.push_back({direction, kind, std::move(piece)});
          return size <= sorted_limit;
        });
        if (!outcome) return outcome.error();
        if (size > sorted_limit) {
          return make_error("too_large",
                            "the call has more than 256 MiB of payload, too much to be put in the order of "
                            "time: see `callgate sessions show` or `export`");
        }
        if (outcome->state == v1::PayloadChunk::STATE_PRESENT) continue;
        losses.emplace_back(direction, *outcome);
        break;
      }
    }
    std::stable_sort(all.begin(), all.end(), [](const Placed& left, const Placed& right) {
      return left.piece.time_ns < right.piece.time_ns;
    });
    for (auto& placed : all) {
      if (!send(placed.direction, placed.kind, placed.piece)) return false;
      placed.piece.bytes = {};
    }
    for (const auto& [direction, outcome] : losses) {
      if (!tell_loss(direction, outcome)) return false;
    }
    return true;
  }

 private:
  [[nodiscard]] const v1::Content& content(Direction direction) const {
    return direction == Direction::request ? record_.request() : record_.response();
  }
  static std::size_t place(FrameKind kind) { return static_cast<std::size_t>(kind); }

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
      sent_[place(kind)] += chunk.data().size();
      if (!stream_.write(part)) return false;
    }
    return true;
  }

  // More passed than was captured: said behind the bytes that were, or where they would be.
  bool tell_cut(Direction direction, FrameKind kind) {
    if (!content(direction).truncated()) return true;
    const auto sent = sent_[place(kind)];
    const bool nothing = sent_[place(FrameKind::body)] + sent_[place(FrameKind::stream)] == 0;
    if (sent == 0 && !(nothing && kind == FrameKind::stream)) return true;
    v1::ShowSessionPart part;
    auto& chunk = chunk_of(part, direction, nothing ? FrameKind::body : kind);
    chunk.set_offset(sent);
    chunk.set_truncated(true);
    chunk.set_omitted(content(direction).size() > sent ? content(direction).size() - sent : 0);
    return stream_.write(part);
  }

  // Bytes that the record counts and the store does not give must not pass for bytes that never were.
  bool tell_gap(Direction direction) {
    std::uint64_t sent = 0;
    for (const auto of_kind : sent_)
      sent += of_kind;
    const auto captured = content(direction).captured_size();
    if (sent >= captured) return true;
    return tell_loss(direction,
                     {v1::PayloadChunk::STATE_DAMAGED,
                      fmt::format("{} of {} captured bytes are missing", captured - sent, captured)});
  }

  bool tell_loss(Direction direction, const PayloadOutcome& outcome) {
    v1::ShowSessionPart part;
    const bool head = !content(direction).head_sha256().empty();
    const bool body = !content(direction).body_sha256().empty();
    const bool captured = !head && content(direction).captured_size() > 0;
    for (const auto& [kind, lost] : {std::pair{FrameKind::head, head && sent_[place(FrameKind::head)] == 0},
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
  std::array<std::uint64_t, kinds.size()> sent_{};
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
