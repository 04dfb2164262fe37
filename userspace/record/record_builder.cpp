#include "record/record_builder.hpp"

#include <algorithm>
#include <cstring>

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

void set_annotation(const v1::JournalAnnotation& annotation, v1::Record& record) {
  record.mutable_workload()->set_name(to_utf8(annotation.workload_name().substr(0, workload_name_limit)));
  record.mutable_workload()->set_spiffe_id(
      to_utf8(annotation.workload_spiffe_id().substr(0, spiffe_id_limit)));
  record.mutable_process()->set_exe_path(to_utf8(annotation.exe_path().substr(0, exe_path_limit)));
  record.mutable_process()->set_resolved(annotation.resolved());
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
                                            SessionSource& source, RecordSink& sink) {
  auto& ring = rings_[owner];
  if (!ring) {
    ring = std::make_unique<Ring>();
    ring->owner = owner;
  }
  Applied applied;
  for (RecordPosition position{batch, 0}; applied.bytes < events.size(); ++position.index) {
    const Bytes rest = events.subspan(applied.bytes);
    const std::size_t size = event_size(rest);
    if (size == 0) {
      applied.error = make_error("event_size", "the size of an event makes no sense");
      return applied;
    }
    if (const auto outcome = apply_event(*ring, rest.first(size), position, source, sink); !outcome) {
      applied.error = outcome.error();
      return applied;
    }
    applied.bytes += size;
  }
  return applied;
}

Result<void> RecordBuilder::apply_event(Ring& ring, Bytes event, RecordPosition& position,
                                        SessionSource& source, RecordSink& sink) {
  const auto parsed = parse_event(event);
  if (!parsed) return parsed.error();
  if (const auto* payload = std::get_if<PayloadView>(&*parsed)) return add_payload(ring, *payload, sink);
  if (const auto* session = std::get_if<SessionOpened>(&*parsed)) return open_session(ring, *session, source);
  if (const auto* opened = std::get_if<CallOpenedView>(&*parsed)) return open_call(ring, *opened);
  if (const auto* decided = std::get_if<CallDecidedView>(&*parsed)) return note_decision(ring, *decided);
  if (const auto* upstream = std::get_if<CallUpstreamView>(&*parsed)) return note_upstream(ring, *upstream);
  if (const auto* client = std::get_if<CallClientView>(&*parsed)) return note_client(ring, *client);
  if (const auto* closed = std::get_if<CallClosedView>(&*parsed))
    return close_call(ring, *closed, position, sink);
  if (const auto* gap = std::get_if<Gap>(&*parsed)) {
    note_gap(ring, *gap);
    return {};
  }
  return close_session(ring, std::get<SessionClosedView>(*parsed), position, sink);
}

Result<void> RecordBuilder::open_session(Ring& ring, const SessionOpened& event, SessionSource& source) {
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
  set_annotation(source.annotate(event), place->second.record);
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
  set_call(view, call->record);
  ++session->second.calls;
  ++session->second.open_calls;
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
  return {};
}

Result<void> RecordBuilder::note_upstream(Ring& ring, const CallUpstreamView& view) {
  const auto call = find_call(ring, view.event.call);
  if (!call) return call.error();
  set_upstream(view, (*call)->record);
  return {};
}

Result<void> RecordBuilder::note_client(Ring& ring, const CallClientView& view) {
  const auto call = find_call(ring, view.event.call);
  if (!call) return call.error();
  set_client(view, (*call)->record);
  return {};
}

Result<void> RecordBuilder::add_payload(Ring& ring, const PayloadView& view, RecordSink& sink) {
  const auto found = find_call(ring, view.event.call);
  if (!found) return found.error();
  if (view.bytes.empty()) return {};
  Call& call = **found;
  PayloadFrame frame;
  frame.call = view.event.call;
  frame.time_ns = view.event.header.time_ns;
  if (call.last_payload == 0) {
    call.request.salt = salts_.next();
    call.response.salt = salts_.next();
    std::array<std::uint8_t, 2 * salt_size> both{};
    std::copy(call.request.salt.begin(), call.request.salt.end(), both.begin());
    std::copy(call.response.salt.begin(), call.response.salt.end(), both.begin() + salt_size);
    frame.kind = FrameKind::salts;
    call.last_payload = sink.add_payload(frame, both);
  }

  Direction& direction = view.event.direction == record::Direction::request ? call.request : call.response;
  const bool is_body = view.event.kind == PayloadKind::body || view.event.kind == PayloadKind::stream;
  SaltedDigest& digest = is_body ? direction.body : direction.head;
  if (!digest.started()) digest.start(direction.salt);
  digest.add(view.bytes);
  if (is_body) direction.body_size += view.bytes.size();

  const std::uint64_t room = call.frames < limits_.frames ? call.payload_limit - direction.captured : 0;
  const auto kept = static_cast<std::size_t>(std::min<std::uint64_t>(view.bytes.size(), room));
  std::uint64_t& offset = direction.offsets[static_cast<std::size_t>(view.event.kind)];
  if (kept > 0) {
    frame.previous = call.last_payload;
    frame.offset = offset;
    frame.direction = view.event.direction;
    frame.kind = static_cast<FrameKind>(view.event.kind);
    call.last_payload = sink.add_payload(frame, view.bytes.first(kept));
    direction.captured += kept;
    ++call.frames;
  }
  if (kept < view.bytes.size()) direction.truncated = true;
  offset += view.bytes.size();
  return {};
}

void RecordBuilder::finish(Ring& ring, Call& call, const RecordPosition& position, const Id& id,
                           RecordSink& sink) {
  const auto fill = [](const Direction& direction, v1::Content& content) {
    content.set_hashed_size(direction.body_size);
    content.set_captured_size(direction.captured);
    content.set_truncated(direction.truncated);
    content.set_body_sha256(direction.body.value());
    content.set_head_sha256(direction.head.value());
  };
  fill(call.request, *call.record.mutable_request());
  fill(call.response, *call.record.mutable_response());
  if (call.last_payload != 0) call.record.set_payload_reference(pointer_bytes(call.last_payload));
  const Id session{id.generation, id.thread, call.session};
  if (const auto found = ring.sessions.find(call.session); found != ring.sessions.end())
    --found->second.open_calls;
  sink.add_record(position, session, id, call.record);
}

Result<void> RecordBuilder::close_call(Ring& ring, const CallClosedView& view, const RecordPosition& position,
                                       RecordSink& sink) {
  const auto call = find_call(ring, view.event.call);
  if (!call) return call.error();
  set_closed(view, (*call)->record);
  (*call)->record.mutable_request()->set_size(view.event.request_body_size);
  (*call)->record.mutable_response()->set_size(view.event.response_body_size);
  finish(ring, **call, position, view.event.call, sink);
  ring.calls.erase(view.event.call.counter);
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
  finish(ring, call, position, Id{ring.owner.generation, ring.owner.thread, counter}, sink);
  ring.calls.erase(counter);
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
  if (session->second.calls == 0 && (view.event.outcome != Outcome::completed || !view.error.code.empty())) {
    v1::Record& record = session->second.record;
    record.set_kind(v1::Record::KIND_FLOW);
    record.set_opened_ns(record.session().opened_ns());
    set_closed(view, record);
    sink.add_record(position, id, Id{}, record);
  }
  ring.sessions.erase(session);
  return {};
}

void RecordBuilder::note_gap(Ring& ring, const Gap& event) {
  ring.lost_calls += std::min(event.lost_calls, ~std::uint64_t{0} - ring.lost_calls);
}

std::uint64_t RecordBuilder::lost_calls() const {
  std::uint64_t sum = 0;
  for (const auto& [owner, ring] : rings_)
    sum += std::min(ring->lost_calls, ~std::uint64_t{0} - sum);
  return sum;
}

void RecordBuilder::forget(const std::unordered_set<Id, IdHash>& recorded) {
  for (auto& [owner, ring] : rings_) {
    for (auto call = ring->calls.begin(); call != ring->calls.end();) {
      if (recorded.count(Id{owner.generation, owner.thread, call->first}) == 0) {
        ++call;
        continue;
      }
      if (const auto session = ring->sessions.find(call->second->session); session != ring->sessions.end()) {
        --session->second.open_calls;
      }
      call = ring->calls.erase(call);
    }
    for (auto session = ring->sessions.begin(); session != ring->sessions.end();) {
      const bool gone = recorded.count(Id{owner.generation, owner.thread, session->first}) != 0;
      session = gone ? ring->sessions.erase(session) : std::next(session);
    }
  }
}

void RecordBuilder::end_ring(RingOwner owner, std::uint64_t batch, std::uint64_t time_ns, const Error& reason,
                             RecordSink& sink) {
  const auto found = rings_.find(owner);
  if (found == rings_.end()) return;
  Ring& ring = *found->second;
  RecordPosition position{batch, 0};
  // In a fixed order, so that a replay gives each record the same position.
  std::vector<std::uint64_t> counters;
  for (const auto& [counter, call] : ring.calls)
    counters.push_back(counter);
  std::sort(counters.begin(), counters.end());
  for (const std::uint64_t counter : counters)
    interrupt_call(ring, counter, time_ns, reason, position, sink);
  counters.clear();
  for (const auto& [counter, session] : ring.sessions) {
    if (session.calls == 0) counters.push_back(counter);
  }
  std::sort(counters.begin(), counters.end());
  for (const std::uint64_t counter : counters) {
    v1::Record& record = ring.sessions.at(counter).record;
    record.set_kind(v1::Record::KIND_FLOW);
    record.set_opened_ns(record.session().opened_ns());
    set_interrupted(time_ns, reason, record);
    sink.add_record(position, Id{owner.generation, owner.thread, counter}, Id{}, record);
    ++position.index;
  }
  rings_.erase(found);
}

}  // namespace callgate::record
