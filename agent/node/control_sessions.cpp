// The part of the control API that reads records. Runs on the asking threads: the store may be asked from
// any.
#include <array>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "node/control_backend.hpp"
#include "node/known_workloads.hpp"
#include "policy/text_pattern.hpp"
#include "record/recorder.hpp"

namespace callgate::node {
namespace {

using record::Direction;
using record::FrameKind;

constexpr std::uint32_t default_page = 100;
constexpr std::uint32_t largest_page = 1000;
constexpr std::size_t tail_batch = 100;
constexpr std::uint32_t tail_wait_ms = 500;
constexpr std::size_t chunk_size = 256U << 10U;
constexpr std::uint64_t payload_limit = 1ULL << 30U;

constexpr std::array<std::pair<std::string_view, v1::Outcome>, 6> outcomes{{
    {"completed", v1::OUTCOME_COMPLETED},
    {"denied", v1::OUTCOME_DENIED},
    {"refused", v1::OUTCOME_REFUSED},
    {"failed", v1::OUTCOME_FAILED},
    {"caller_aborted", v1::OUTCOME_CALLER_ABORTED},
    {"interrupted", v1::OUTCOME_INTERRUPTED},
}};

Error invalid(std::string message) {
  return make_error("invalid", std::move(message));
}

using Visible = std::function<bool(const v1::Record&)>;

// Denied by policies that are only observed.
bool would_deny(const v1::Decision& decision) {
  return decision.has_trial() || (decision.verdict() == v1::VERDICT_DENY && !decision.enforced());
}

Result<record::RecordFilter> to_filter(const v1::SessionFilter& filter, Visible visible) {
  record::RecordFilter result;
  if (filter.decision() == "allow") {
    result.verdict = v1::VERDICT_ALLOW;
  } else if (filter.decision() == "deny") {
    result.verdict = v1::VERDICT_DENY;
  } else if (!filter.decision().empty() && filter.decision() != "would-deny") {
    return invalid("a decision is \"allow\", \"deny\" or \"would-deny\"");
  }
  if (!filter.outcome().empty()) {
    for (const auto& [name, outcome] : outcomes) {
      if (name == filter.outcome()) result.outcome = outcome;
    }
    if (!result.outcome) {
      return invalid("an outcome is completed, denied, refused, failed, caller_aborted or interrupted");
    }
  }
  result.since_ns = filter.since();
  result.until_ns = filter.until();
  result.matches = [filter, visible = std::move(visible)](const v1::Record& record) {
    return (filter.decision() != "would-deny" || would_deny(record.decision())) &&
           (filter.workload().empty() || record.workload().name() == filter.workload()) &&
           (filter.host().empty() || policy::equal_ignoring_case(record.target().host(), filter.host())) &&
           (filter.function_glob().empty() ||
            policy::glob_matches(filter.function_glob(), record.function())) &&
           visible(record);
  };
  return result;
}

bool passes(const record::RecordFilter& filter, const v1::Record& record) {
  return (!filter.verdict || record.decision().verdict() == *filter.verdict) &&
         (!filter.outcome || record.outcome() == *filter.outcome) && record.opened_ns() >= filter.since_ns &&
         (filter.until_ns == 0 || record.opened_ns() < filter.until_ns) && filter.matches(record);
}

Result<record::Cursor> parse_token(const std::string& token) {
  record::Cursor cursor = 0;
  if (token.empty()) return cursor;
  const auto* const end = token.data() + token.size();
  const auto parsed = std::from_chars(token.data(), end, cursor);
  if (parsed.ec != std::errc{} || parsed.ptr != end) return invalid("the page token is none of ours");
  return cursor;
}

// What was sent of one direction and kind of a call, in chunks; false: the reader has gone.
Result<bool> send_payload(const record::StoreQueries& store, const v1::Record& record, Direction direction,
                          FrameKind kind, control::Stream<v1::ShowSessionPart>& stream) {
  auto pieces = store.payload(record, direction, kind, payload_limit);
  // Payloads go before their records do.
  if (!pieces && (pieces.error().code == "payload_expired" || pieces.error().code == "not_found"))
    return true;
  if (!pieces) return pieces.error();
  const v1::Content& content = direction == Direction::request ? record.request() : record.response();
  std::uint64_t sent = 0;
  std::vector<std::string> chunks;
  for (const auto& piece : *pieces) {
    for (std::size_t at = 0; at < piece.bytes.size(); at += chunk_size) {
      chunks.push_back(piece.bytes.substr(at, chunk_size));
      sent += chunks.back().size();
    }
  }
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    v1::ShowSessionPart part;
    auto& chunk = *part.mutable_payload();
    chunk.set_direction(direction == Direction::request ? v1::PayloadChunk::DIRECTION_REQUEST
                                                        : v1::PayloadChunk::DIRECTION_RESPONSE);
    chunk.set_kind(static_cast<v1::PayloadChunk::Kind>(kind));
    chunk.set_data(std::move(chunks[i]));
    if (i + 1 == chunks.size() && kind == FrameKind::body && content.truncated()) {
      chunk.set_truncated(true);
      chunk.set_omitted(content.size() > sent ? content.size() - sent : 0);
    }
    if (!stream.write(part)) return false;
  }
  return true;
}

}  // namespace

bool ControlBackend::may_see(const control::Peer& peer, const v1::Record& record) const {
  if (peer.role >= control::Role::viewer) return true;
  const auto owner = parts_.known.owner(record.workload().registry_id());
  return owner && peer.sees(*owner);
}

bool ControlBackend::may_read_payload(const control::Peer& peer, const v1::Record& record) const {
  if (peer.role >= control::Role::auditor) return true;
  const auto owner = parts_.known.owner(record.workload().registry_id());
  return owner && peer.may_read_payload(*owner);
}

Result<v1::ListSessionsReply> ControlBackend::list_sessions(const control::Peer& peer,
                                                            const v1::ListSessionsRequest& request) {
  const auto filter =
      to_filter(request.filter(), [this, &peer](const v1::Record& record) { return may_see(peer, record); });
  if (!filter) return filter.error();
  const auto before = parse_token(request.page_token());
  if (!before) return before.error();
  const std::uint32_t size =
      request.page_size() == 0 ? default_page : std::min(request.page_size(), largest_page);
  auto page = parts_.recorder.queries().list_records(*filter, *before, size);
  if (!page) return page.error();
  v1::ListSessionsReply reply;
  for (auto& record : page->records)
    *reply.add_records() = std::move(record);
  if (page->next != 0) reply.set_next_page_token(std::to_string(page->next));
  return reply;
}

Result<void> ControlBackend::show_session(const control::Peer& peer, const v1::ShowSessionRequest& request,
                                          control::Stream<v1::ShowSessionPart>& stream) {
  const record::StoreQueries& store = parts_.recorder.queries();
  const auto session = store.find_session(request.id());
  if (!session) return session.error();
  const auto records = store.show(*session);
  if (!records) return records.error();
  bool shown = false;
  for (const v1::Record& record : *records) {
    if (!may_see(peer, record)) continue;
    shown = true;
    v1::ShowSessionPart part;
    *part.mutable_record() = record;
    if (!stream.write(part)) return {};
    if (request.without_payloads()) continue;
    if (!may_read_payload(peer, record)) {
      part.set_payload_withheld(std::string(control::payload_withheld));
      if (!stream.write(part)) return {};
      continue;
    }
    for (const Direction direction : {Direction::request, Direction::response}) {
      for (const FrameKind kind :
           {FrameKind::head, FrameKind::body, FrameKind::trailers, FrameKind::stream}) {
        const auto sent = send_payload(store, record, direction, kind, stream);
        if (!sent) return sent.error();
        if (!*sent) return {};
      }
    }
  }
  // Whose sessions exist is nobody else's business.
  if (!shown) return make_error("not_found", "no session or call has this id: see `callgate sessions list`");
  return {};
}

Result<void> ControlBackend::tail_sessions(const control::Peer& peer, const v1::TailSessionsRequest& request,
                                           control::Stream<v1::Record>& stream) {
  const auto filter =
      to_filter(request.filter(), [this, &peer](const v1::Record& record) { return may_see(peer, record); });
  if (!filter) return filter.error();
  const record::StoreQueries& store = parts_.recorder.queries();
  record::Cursor cursor = store.newest();
  while (!stream.closed()) {
    if (!store.wait_newer(cursor, tail_wait_ms)) continue;
    const auto page = store.tail(cursor, tail_batch);
    if (!page) return page.error();
    cursor = page->next;
    for (const v1::Record& record : page->records) {
      if (passes(*filter, record) && !stream.write(record)) return {};
    }
  }
  return {};
}

}  // namespace callgate::node
