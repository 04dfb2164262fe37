#include "node/session_show.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "node/payload_reader.hpp"

namespace callgate::node {
namespace {

using payload::Direction;
using payload::Kind;

constexpr std::size_t chunk_size = 256U << 10U;
constexpr std::array directions{Direction::request, Direction::response};
constexpr std::array kinds{Kind::head, Kind::body, Kind::trailers, Kind::stream};

// Sends the payload of one record. Its methods return false once the reader has gone.
class PayloadSender {
 public:
  PayloadSender(const record::StoreQueries& store, const v1::Record& record,
                control::Stream<v1::ShowSessionPart>& stream)
      : store_(store), record_(record), stream_(stream) {}

  Result<bool> by_kind() {
    for (const Direction direction : directions) {
      PayloadOutcome outcome;
      for (const Kind kind : kinds) {
        payload::Query query;
        query.direction = direction;
        query.kind = kind;
        auto read = read_payload(store_, record_, query,
                                 [&](const payload::PieceView& view) { return here_ = send(view); });
        if (!read) return read.error();
        outcome = std::move(*read);
        if (!here_) return false;
        // The other kinds lie in the same place.
        if (outcome.state != v1::PayloadChunk::STATE_PRESENT) break;
        if (kind == Kind::body && !tell_cut(direction, kind)) return false;
      }
      if (!tell_end(direction, outcome)) return false;
    }
    return true;
  }

  // Pieces lie in the order in which they passed.
  Result<bool> by_time() {
    const auto outcome = read_payload(store_, record_, {}, [&](const payload::PieceView& view) {
      return view.piece.kind == Kind::salts || (here_ = send(view));
    });
    if (!outcome) return outcome.error();
    if (!here_) return false;
    for (const Direction direction : directions) {
      if (!tell_cut(direction, Kind::body) || !tell_end(direction, *outcome)) return false;
    }
    return true;
  }

 private:
  [[nodiscard]] const v1::Content& content(Direction direction) const {
    return direction == Direction::request ? record_.request() : record_.response();
  }
  static std::size_t place(Kind kind) { return static_cast<std::size_t>(kind); }
  static std::size_t place(Direction direction) { return static_cast<std::size_t>(direction); }
  [[nodiscard]] std::uint64_t& sent(Direction direction, Kind kind) {
    return sent_[place(direction)][place(kind)];
  }

  static v1::PayloadChunk& chunk_of(v1::ShowSessionPart& part, Direction direction, Kind kind) {
    auto& chunk = *part.mutable_payload();
    chunk.set_direction(chunk_direction(direction));
    chunk.set_kind(chunk_kind(kind));
    return chunk;
  }

  bool send(const payload::PieceView& view) {
    v1::ShowSessionPart part;
    auto& chunk = chunk_of(part, view.piece.direction, view.piece.kind);
    chunk.set_time_ns(view.piece.time_ns);
    const std::string_view bytes = as_text(view.bytes);
    for (std::size_t at = 0; at < bytes.size(); at += chunk_size) {
      chunk.set_data(std::string(bytes.substr(at, chunk_size)));
      chunk.set_offset(view.piece.offset + at);
      sent(view.piece.direction, view.piece.kind) += chunk.data().size();
      if (!stream_.write(part)) return false;
    }
    return true;
  }

  // More passed than was captured: said behind the bytes that were, or where they would be.
  bool tell_cut(Direction direction, Kind kind) {
    if (!content(direction).truncated()) return true;
    const auto captured = sent(direction, kind);
    const bool nothing = sent(direction, Kind::body) + sent(direction, Kind::stream) == 0;
    if (captured == 0 && !(nothing && kind == Kind::stream)) return true;
    v1::ShowSessionPart part;
    auto& chunk = chunk_of(part, direction, nothing ? Kind::body : kind);
    chunk.set_offset(captured);
    chunk.set_truncated(true);
    chunk.set_omitted(content(direction).size() > captured ? content(direction).size() - captured : 0);
    return stream_.write(part);
  }

  bool tell_end(Direction direction, const PayloadOutcome& outcome) {
    if (outcome.state != v1::PayloadChunk::STATE_PRESENT) return tell_loss(direction, outcome);
    return tell_cut(direction, Kind::stream) && tell_gap(direction);
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
    for (const auto& [kind, lost] : {std::pair{Kind::head, head && sent(direction, Kind::head) == 0},
                                     std::pair{Kind::body, body || captured}}) {
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

Result<void> show_session(const EvidenceReader& reader, const v1::ShowSessionRequest& request,
                          control::Stream<v1::ShowSessionPart>& stream) {
  const auto session = reader.store.find_session(request.id());
  if (!session) return session.error();
  const auto records = reader.store.show(*session);
  if (!records) return records.error();
  bool shown = false;
  bool noted = false;
  for (const v1::Record& record : *records) {
    if (!reader.sees(record) || (!request.call_id().empty() && record.call_id() != request.call_id()))
      continue;
    shown = true;
    v1::ShowSessionPart part;
    *part.mutable_record() = record;
    if (!stream.write(part)) return {};
    if (request.without_payloads()) continue;
    if (!reader.reads(record)) {
      part.set_payload_withheld(std::string(control::payload_withheld));
      if (!stream.write(part)) return {};
      continue;
    }
    if (record.payload_reference().empty()) continue;
    if (!std::exchange(noted, true)) {
      v1::Event event;
      event.set_detail("payload of a session was read");
      event.set_session(record.session_id());
      event.set_call(request.call_id());
      CALLGATE_TRY(reader.note(std::move(event)));
    }
    PayloadSender sender(reader.store, record, stream);
    const auto sent = request.in_time_order() ? sender.by_time() : sender.by_kind();
    if (!sent) return sent.error();
    if (!*sent) return {};
  }
  // Whose sessions exist is nobody else's business.
  if (!shown) return make_error("not_found", "no session or call has this id: see `callgate sessions list`");
  return {};
}

}  // namespace callgate::node
