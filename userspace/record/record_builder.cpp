#include "record/record_builder.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "callgate/v1/journal.pb.h"
#include "record/builder_state.hpp"
#include "record/event_parse.hpp"
#include "record/record_fields.hpp"
#include "record/utf8.hpp"

namespace callgate::record {
namespace {

constexpr std::size_t workload_name_limit = 1024;
constexpr std::size_t exe_path_limit = 4096;

Result<void> check_owner(const RingOwner& owner, const Id& id) {
  if (id.generation == owner.generation && id.thread == owner.thread && id.counter != 0) return {};
  return make_error("foreign_id",
                    fmt::format("an event carries the id {}, which is not of its ring", to_string(id)));
}

Error unknown(const char* code, const Id& id) {
  return make_error(code, fmt::format("an event refers to {}, which is not open", to_string(id)));
}

void set_workload(std::uint64_t id, WorkloadDirectory& directory, v1::Record& record) {
  const auto workload = directory.lookup(id);
  if (!workload) return;
  record.mutable_workload()->set_name(to_utf8(workload->name.substr(0, workload_name_limit)));
  record.mutable_workload()->set_spiffe_id(to_utf8(workload->spiffe_id.substr(0, spiffe_id_limit)));
}

void set_caller(const SessionOpened& event, WorkloadDirectory& directory, v1::Record& record) {
  set_workload(event.workload, directory, record);
  if (const auto path =
          directory.process_path(event.tgid, event.process_start, event.exe_device, event.exe_inode)) {
    record.mutable_process()->set_exe_path(to_utf8(path->substr(0, exe_path_limit)));
    record.mutable_process()->set_resolved(true);
  }
}

void set_interrupted(std::uint64_t time_ns, const Error& reason, v1::Record& record) {
  record.set_closed_ns(time_ns);
  record.set_outcome(v1::OUTCOME_INTERRUPTED);
  record.set_error_code(reason.code);
  record.set_error_detail(reason.message);
}

std::string pointer_bytes(std::uint64_t pointer) {
  return {reinterpret_cast<const char*>(&pointer), sizeof(pointer)};
}

}  // namespace

RecordBuilder::RecordBuilder(const BuilderLimits& limits) : limits_(limits) {}
RecordBuilder::~RecordBuilder() = default;

RecordBuilder::Applied RecordBuilder::apply(RingOwner owner, Bytes events, std::uint64_t batch,
                                            WorkloadDirectory& directory, RecordSink& sink) {
  auto& ring = rings_[owner];
  if (!ring) {
    ring = std::make_unique<Ring>();
    ring->owner = owner;
  }
  Applied applied;
  apply_events(*ring, events, batch, directory, sink, applied);
  hand_over(sink);
  return applied;
}

void RecordBuilder::apply_events(Ring& ring, Bytes events, std::uint64_t batch, WorkloadDirectory& directory,
                                 RecordSink& sink, Applied& applied) {
  for (RecordPosition position{batch, 0}; applied.bytes < events.size(); ++position.index) {
    const Bytes rest = events.subspan(applied.bytes);
    const std::size_t size = event_size(rest);
    if (size == 0) {
      applied.error = make_error("event_size", "the size of an event makes no sense");
      return;
    }
    if (const auto outcome = apply_event(ring, rest.first(size), position, directory, sink); !outcome) {
      applied.error = outcome.error();
      return;
    }
    applied.bytes += size;
  }
}

// Payload stays in the ring, where its writer can change it; the sizes and texts of everything else must not
// change any more once they are checked.
Result<EventView> RecordBuilder::read_event(Bytes event) {
  if (event_type(event) == EventType::payload) return parse_payload(event);
  copy_.assign(event.begin(), event.end());
  if (event_type(copy_) == EventType::payload)
    return make_error("event_unknown", "an event was changed while it was read");
  return parse_event(copy_);
}

Result<void> RecordBuilder::apply_event(Ring& ring, Bytes event, RecordPosition& position,
                                        WorkloadDirectory& directory, RecordSink& sink) {
  const auto parsed = read_event(event);
  if (!parsed) return parsed.error();
  if (const auto* payload = std::get_if<PayloadView>(&*parsed)) return add_payload(ring, *payload, sink);
  if (const auto* session = std::get_if<SessionOpened>(&*parsed))
    return open_session(ring, *session, directory);
  if (const auto* opened = std::get_if<CallOpenedView>(&*parsed)) return open_call(ring, *opened);
  if (const auto* decided = std::get_if<CallDecidedView>(&*parsed)) return note_decision(ring, *decided);
  if (const auto* upstream = std::get_if<CallUpstreamView>(&*parsed)) return note_upstream(ring, *upstream);
  if (const auto* client = std::get_if<CallClientView>(&*parsed)) return note_client(ring, *client);
  if (const auto* closed = std::get_if<CallClosedView>(&*parsed))
    return close_call(ring, *closed, position, sink);
  if (const auto* gap = std::get_if<Gap>(&*parsed)) {
    note_gap(*gap, directory, position);
    return {};
  }
  return close_session(ring, std::get<SessionClosedView>(*parsed), position, sink);
}

Result<void> RecordBuilder::open_session(Ring& ring, const SessionOpened& event,
                                         WorkloadDirectory& directory) {
  CALLGATE_TRY(check_owner(ring.owner, event.session));
  if (ring.sessions.size() >= limits_.open_sessions) {
    return make_error("too_many_open", fmt::format("more than {} sessions are open", limits_.open_sessions));
  }
  const auto [place, added] = ring.sessions.try_emplace(event.session.counter);
  if (!added || ring.calls.count(event.session.counter) != 0) {
    if (added) ring.sessions.erase(place);
    return make_error("duplicate_id", fmt::format("{} is open already", to_string(event.session)));
  }
  set_session(event, place->second.record);
  set_caller(event, directory, place->second.record);
  touch(ring, event.session.counter, place->second);
  return {};
}

Result<void> RecordBuilder::open_call(Ring& ring, const CallOpenedView& view) {
  CALLGATE_TRY(check_owner(ring.owner, view.event.call));
  CALLGATE_TRY(check_owner(ring.owner, view.event.session));
  const auto session = ring.sessions.find(view.event.session.counter);
  if (session == ring.sessions.end()) return unknown("unknown_session", view.event.session);
  if (ring.calls.size() >= limits_.open_calls) {
    return make_error("too_many_open", fmt::format("more than {} calls are open", limits_.open_calls));
  }
  if (ring.sessions.count(view.event.call.counter) != 0 || ring.calls.count(view.event.call.counter) != 0) {
    return make_error("duplicate_id", fmt::format("{} is open already", to_string(view.event.call)));
  }
  auto call = std::make_unique<Call>();
  call->session = view.event.session.counter;
  call->payload_limit = std::min(view.event.payload_limit, limits_.payload);
  call->record = session->second.record;
  call->stream.session = view.event.session;
  call->stream.call = view.event.call;
  call->stream.retention = retention_class(view.event.retain_seconds);
  set_call(view, call->record);
  if (!std::exchange(session->second.had_calls, true))
    touch(ring, view.event.session.counter, session->second);
  ++session->second.open_calls;
  call->record_changed = true;
  touch(ring, view.event.call.counter, *call);
  ring.calls.emplace(view.event.call.counter, std::move(call));
  return {};
}

Result<RecordBuilder::Call*> RecordBuilder::find_call(Ring& ring, const Id& id) {
  CALLGATE_TRY(check_owner(ring.owner, id));
  const auto call = ring.calls.find(id.counter);
  if (call == ring.calls.end()) return unknown("unknown_call", id);
  return call->second.get();
}

Result<void> RecordBuilder::note_decision(Ring& ring, const CallDecidedView& view) {
  const auto call = find_call(ring, view.event.call);
  if (!call) return call.error();
  set_decision(view, (*call)->record);
  (*call)->record_changed = true;
  touch(ring, view.event.call.counter, **call);
  return {};
}

Result<void> RecordBuilder::note_upstream(Ring& ring, const CallUpstreamView& view) {
  const auto call = find_call(ring, view.event.call);
  if (!call) return call.error();
  set_upstream(view, (*call)->record);
  (*call)->record_changed = true;
  touch(ring, view.event.call.counter, **call);
  return {};
}

Result<void> RecordBuilder::note_client(Ring& ring, const CallClientView& view) {
  const auto call = find_call(ring, view.event.call);
  if (!call) return call.error();
  set_client(view, (*call)->record);
  (*call)->record_changed = true;
  touch(ring, view.event.call.counter, **call);
  return {};
}

Result<void> RecordBuilder::add_payload(Ring& ring, const PayloadView& view, RecordSink& sink) {
  const auto found = find_call(ring, view.event.call);
  if (!found) return found.error();
  if (view.bytes.empty()) return {};
  Call& call = **found;
  touch(ring, view.event.call.counter, call);
  payload::Piece piece;
  piece.time_ns = view.event.header.time_ns;
  if (call.pieces == 0) {
    call.request.salt = salts_.next();
    call.response.salt = salts_.next();
    std::copy(call.request.salt.begin(), call.request.salt.end(), call.salts.begin());
    std::copy(call.response.salt.begin(), call.response.salt.end(), call.salts.begin() + salt_size);
    piece.kind = payload::Kind::salts;
    sink.add_payload(call.stream, piece, call.salts);
    ++call.pieces;
  }

  Direction& direction = view.event.direction == record::Direction::request ? call.request : call.response;
  const bool is_body = view.event.kind == PayloadKind::body || view.event.kind == PayloadKind::stream;
  SaltedDigest& digest = is_body ? direction.body : direction.head;
  if (!digest.started()) digest.start(direction.salt);
  digests_.add(digest, view.bytes);
  if (is_body) direction.body_size += view.bytes.size();

  const std::uint64_t room = call.pieces < limits_.pieces ? call.payload_limit - direction.captured : 0;
  const auto kept = static_cast<std::size_t>(std::min<std::uint64_t>(view.bytes.size(), room));
  std::uint64_t& offset = direction.offsets[static_cast<std::size_t>(view.event.kind)];
  if (kept > 0) {
    piece.offset = offset;
    piece.direction = static_cast<payload::Direction>(view.event.direction);
    piece.kind = static_cast<payload::Kind>(view.event.kind);
    sink.add_payload(call.stream, piece, view.bytes.first(kept));
    direction.captured += kept;
    ++call.pieces;
  }
  if (kept < view.bytes.size()) direction.truncated = true;
  offset += view.bytes.size();
  return {};
}

void RecordBuilder::touch(Ring& ring, std::uint64_t counter, Call& call) {
  if (!std::exchange(call.touched, true)) ring.touched_calls.push_back(counter);
}

void RecordBuilder::touch(Ring& ring, std::uint64_t counter, Session& session) {
  if (!std::exchange(session.touched, true)) ring.touched_sessions.push_back(counter);
}

void RecordBuilder::forget_call(Ring& ring, std::uint64_t counter) {
  const auto call = ring.calls.find(counter);
  if (call->second->saved) ring.closed_calls.push_back(counter);
  ring.finished.push_back(std::move(call->second));
  ring.calls.erase(call);
}

// Makes the record of a call ready, which is closed with it.
void RecordBuilder::finish(Ring& ring, std::uint64_t counter, const RecordPosition& position,
                           RecordSink& sink) {
  Call& call = *ring.calls.at(counter);
  if (const std::uint64_t payload = sink.seal(call.stream); payload != 0)
    call.record.set_payload_reference(pointer_bytes(payload));
  if (const auto found = ring.sessions.find(call.session); found != ring.sessions.end())
    --found->second.open_calls;
  ready_.push_back({position, &call, {}});
  forget_call(ring, counter);
}

void RecordBuilder::hand_over(RecordSink& sink) {
  digests_.run();
  const auto fill = [](const Direction& direction, v1::Content& content) {
    content.set_hashed_size(direction.body_size);
    content.set_captured_size(direction.captured);
    content.set_truncated(direction.truncated);
    content.set_body_sha256(direction.body.value());
    content.set_head_sha256(direction.head.value());
  };
  for (Ready& ready : ready_) {
    v1::Record& record = ready.call != nullptr ? ready.call->record : ready.own;
    if (ready.call != nullptr) {
      fill(ready.call->request, *record.mutable_request());
      fill(ready.call->response, *record.mutable_response());
    }
    record.set_journal_batch(ready.position.batch);
    record.set_journal_index(ready.position.index);
    sink.add_record(record);
  }
  ready_.clear();
}

Result<void> RecordBuilder::close_call(Ring& ring, const CallClosedView& view, const RecordPosition& position,
                                       RecordSink& sink) {
  const auto call = find_call(ring, view.event.call);
  if (!call) return call.error();
  set_closed(view, (*call)->record);
  (*call)->record.mutable_request()->set_size(view.event.request_body_size);
  (*call)->record.mutable_response()->set_size(view.event.response_body_size);
  finish(ring, view.event.call.counter, position, sink);
  return {};
}

std::vector<std::uint64_t> RecordBuilder::open_calls_of(const Ring& ring, std::uint64_t session) {
  std::vector<std::uint64_t> counters;
  for (const auto& [counter, call] : ring.calls) {
    if (call->session == session) counters.push_back(counter);
  }
  std::sort(counters.begin(), counters.end());
  return counters;
}

void RecordBuilder::interrupt_call(Ring& ring, std::uint64_t counter, std::uint64_t time_ns,
                                   const Error& reason, RecordPosition& position, RecordSink& sink) {
  Call& call = *ring.calls.at(counter);
  set_interrupted(time_ns, reason, call.record);
  call.record.mutable_request()->set_size(call.request.body_size);
  call.record.mutable_response()->set_size(call.response.body_size);
  finish(ring, counter, position, sink);
  ++position.index;
}

Result<void> RecordBuilder::close_session(Ring& ring, const SessionClosedView& view, RecordPosition& position,
                                          RecordSink& sink) {
  const Id& id = view.event.session;
  CALLGATE_TRY(check_owner(ring.owner, id));
  const auto session = ring.sessions.find(id.counter);
  if (session == ring.sessions.end()) return unknown("unknown_session", id);
  if (session->second.open_calls != 0) {
    // Their ends found no room in the ring before their session's did.
    const Error reason("end_lost", "the end of the call was not recorded; its session has ended");
    for (const std::uint64_t counter : open_calls_of(ring, id.counter))
      interrupt_call(ring, counter, view.event.header.time_ns, reason, position, sink);
  }
  if (!session->second.had_calls && (view.event.outcome != Outcome::completed || !view.error.code.empty())) {
    v1::Record& record = session->second.record;
    record.set_kind(v1::Record::KIND_FLOW);
    record.set_opened_ns(record.session().opened_ns());
    set_closed(view, record);
    ready_.push_back({position, nullptr, std::move(record)});
  }
  if (session->second.saved) ring.closed_sessions.push_back(id.counter);
  ring.sessions.erase(session);
  return {};
}

void RecordBuilder::note_gap(const Gap& event, WorkloadDirectory& directory, const RecordPosition& position) {
  v1::Record record;
  record.set_kind(v1::Record::KIND_EVENT);
  record.set_opened_ns(event.header.time_ns);
  if (event.workload != 0) {
    record.mutable_workload()->set_registry_id(event.workload);
    set_workload(event.workload, directory, record);
  }
  v1::Event& gap = *record.mutable_event();
  gap.set_type(v1::Event::TYPE_GAP);
  gap.set_since_ns(event.since_ns);
  gap.set_until_ns(event.header.time_ns);
  gap.set_lost_calls(event.lost_calls);
  gap.set_count(event.lost_events);
  gap.set_lost_bytes(event.lost_bytes);
  ready_.push_back({position, nullptr, std::move(record)});
}

// Whole days, so that payload lies in few files; where policies ask for very many different times, fewer
// still.
std::uint32_t RecordBuilder::retention_class(std::uint32_t seconds) {
  constexpr std::uint32_t day = 24 * 3600;
  constexpr std::uint32_t most_days = ~std::uint32_t{0} / day;
  constexpr std::size_t many = 64;
  if (seconds == 0) return 0;
  std::uint32_t days = std::min(seconds / day + (seconds % day == 0 ? 0 : 1), most_days);
  if (classes_.count(days) == 0 && classes_.size() >= many) days = std::min(std::bit_ceil(days), most_days);
  classes_.insert(days);
  return days * day;
}

void RecordBuilder::end_ring(RingOwner owner, std::uint64_t batch, std::uint64_t time_ns, const Error& reason,
                             RecordSink& sink) {
  const auto found = rings_.find(owner);
  if (found == rings_.end()) return;
  Ring& ring = *found->second;
  RecordPosition position{batch, 0};
  std::vector<std::uint64_t> counters;
  for (const auto& [counter, call] : ring.calls)
    counters.push_back(counter);
  std::sort(counters.begin(), counters.end());
  for (const std::uint64_t counter : counters)
    interrupt_call(ring, counter, time_ns, reason, position, sink);
  counters.clear();
  for (const auto& [counter, session] : ring.sessions) {
    if (!session.had_calls) counters.push_back(counter);
  }
  std::sort(counters.begin(), counters.end());
  for (const std::uint64_t counter : counters) {
    v1::Record& record = ring.sessions.at(counter).record;
    record.set_kind(v1::Record::KIND_FLOW);
    record.set_opened_ns(record.session().opened_ns());
    set_interrupted(time_ns, reason, record);
    ready_.push_back({position, nullptr, std::move(record)});
    ++position.index;
  }
  hand_over(sink);
  rings_.erase(found);
}

}  // namespace callgate::record
