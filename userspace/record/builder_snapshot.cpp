#include <utility>

#include "callgate/v1/journal.pb.h"
#include "record/builder_state.hpp"

namespace callgate::record {
namespace {

Error damaged() {
  return make_error("snapshot_damaged",
                    "the journal's list of open calls cannot be read; calls open then are lost");
}

}  // namespace

void RecordBuilder::set_ring_position(RingOwner owner, std::uint64_t position) {
  auto& ring = rings_[owner];
  if (!ring) {
    ring = std::make_unique<Ring>();
    ring->owner = owner;
  }
  ring->position = position;
}

std::optional<std::uint64_t> RecordBuilder::ring_position(RingOwner owner) const {
  const auto found = rings_.find(owner);
  if (found == rings_.end()) return std::nullopt;
  return found->second->position;
}

std::vector<RingOwner> RecordBuilder::rings() const {
  std::vector<RingOwner> owners;
  owners.reserve(rings_.size());
  for (const auto& [owner, ring] : rings_)
    owners.push_back(owner);
  return owners;
}

std::size_t RecordBuilder::open_calls() const {
  std::size_t count = 0;
  for (const auto& [owner, ring] : rings_)
    count += ring->calls.size();
  return count;
}

void RecordBuilder::save_session(std::uint64_t counter, const Session& session,
                                 v1::JournalSnapshot_OpenSession& to) {
  to.set_counter(counter);
  *to.mutable_record() = session.record;
  to.set_had_calls(session.had_calls);
}

void RecordBuilder::save_call(std::uint64_t counter, const Call& call, v1::JournalSnapshot_Call& to) {
  const auto save_direction = [](const Direction& from, v1::JournalSnapshot::Direction& saved) {
    saved.set_body_size(from.body_size);
    saved.set_captured(from.captured);
    saved.set_truncated(from.truncated);
    saved.set_body_digest(from.body.save());
    saved.set_head_digest(from.head.save());
    saved.set_salt(from.salt.data(), from.salt.size());
    for (const std::uint64_t offset : from.offsets)
      saved.add_offsets(offset);
  };
  to.set_counter(counter);
  to.set_session(call.session);
  save_direction(call.request, *to.mutable_request());
  save_direction(call.response, *to.mutable_response());
  to.set_payload_limit(call.payload_limit);
  to.set_last_payload(call.stream.last);
  to.set_pieces(call.pieces);
  to.set_retain_seconds(call.stream.retention);
}

v1::JournalSnapshot RecordBuilder::save() const {
  v1::JournalSnapshot snapshot;
  for (const auto& [owner, ring] : rings_) {
    v1::JournalSnapshot::Ring& saved = *snapshot.add_rings();
    saved.set_generation(owner.generation);
    saved.set_thread(owner.thread);
    saved.set_position(ring->position);
    for (const auto& [counter, session] : ring->sessions)
      save_session(counter, session, *saved.add_sessions());
    for (const auto& [counter, call] : ring->calls) {
      v1::JournalSnapshot::Call& to = *saved.add_calls();
      save_call(counter, *call, to);
      *to.mutable_record() = call->record;
    }
  }
  return snapshot;
}

Result<void> RecordBuilder::load_call(const RingOwner& owner, const v1::JournalSnapshot_Call& from,
                                      Call& to) {
  const auto load_direction = [](const v1::JournalSnapshot::Direction& saved, Direction& direction) {
    direction.body_size = saved.body_size();
    direction.captured = saved.captured();
    direction.truncated = saved.truncated();
    if (saved.salt().size() != direction.salt.size() ||
        saved.offsets_size() != static_cast<int>(direction.offsets.size()))
      return false;
    std::copy(saved.salt().begin(), saved.salt().end(), direction.salt.begin());
    std::copy(saved.offsets().begin(), saved.offsets().end(), direction.offsets.begin());
    return direction.body.load(saved.body_digest()) && direction.head.load(saved.head_digest());
  };
  to.session = from.session();
  if (from.has_record()) to.record = from.record();
  to.payload_limit = from.payload_limit();
  to.pieces = from.pieces();
  to.stream.session = {owner.generation, owner.thread, from.session()};
  to.stream.call = {owner.generation, owner.thread, from.counter()};
  to.stream.retention = from.retain_seconds();
  to.stream.last = from.last_payload();
  to.saved = true;
  if (!load_direction(from.request(), to.request) || !load_direction(from.response(), to.response) ||
      to.request.captured > to.payload_limit || to.response.captured > to.payload_limit) {
    return damaged();
  }
  return {};
}

Result<void> RecordBuilder::load(const v1::JournalSnapshot& snapshot) {
  rings_.clear();
  std::map<RingOwner, std::unique_ptr<Ring>> rings;
  for (const auto& saved : snapshot.rings()) {
    auto ring = std::make_unique<Ring>();
    ring->owner = {saved.generation(), saved.thread()};
    ring->position = saved.position();
    for (const auto& from : saved.sessions())
      load_session(from, *ring);
    for (const auto& from : saved.calls()) {
      auto call = std::make_unique<Call>();
      CALLGATE_TRY(load_call(ring->owner, from, *call));
      const auto session = ring->sessions.find(call->session);
      if (session == ring->sessions.end()) return damaged();
      ++session->second.open_calls;
      ring->calls.emplace(from.counter(), std::move(call));
    }
    rings.emplace(ring->owner, std::move(ring));
  }
  rings_ = std::move(rings);
  return {};
}

void RecordBuilder::load_session(const v1::JournalSnapshot_OpenSession& from, Ring& ring) {
  Session& session = ring.sessions[from.counter()];
  session.record = from.record();
  session.had_calls = from.had_calls();
  session.saved = true;
}

void RecordBuilder::take_changes(RingOwner owner, RecordSink& sink, v1::JournalChanges& changes) {
  const auto found = rings_.find(owner);
  if (found == rings_.end()) return;
  Ring& ring = *found->second;
  for (const std::uint64_t counter : std::exchange(ring.touched_sessions, {})) {
    const auto session = ring.sessions.find(counter);
    if (session == ring.sessions.end()) continue;
    save_session(counter, session->second, *changes.add_sessions());
    session->second.saved = true;
    session->second.touched = false;
  }
  for (const std::uint64_t counter : std::exchange(ring.touched_calls, {})) {
    const auto found_call = ring.calls.find(counter);
    if (found_call == ring.calls.end()) continue;
    Call& call = *found_call->second;
    (void)sink.seal(call.stream);
    v1::JournalSnapshot::Call& to = *changes.add_calls();
    save_call(counter, call, to);
    if (std::exchange(call.record_changed, false)) *to.mutable_record() = call.record;
    call.saved = true;
    call.touched = false;
  }
  for (const std::uint64_t counter : std::exchange(ring.closed_calls, {}))
    changes.add_closed_calls(counter);
  for (const std::uint64_t counter : std::exchange(ring.closed_sessions, {}))
    changes.add_closed_sessions(counter);
  ring.finished.clear();
}

void RecordBuilder::drop_ring(RingOwner owner) {
  rings_.erase(owner);
}

Result<void> RecordBuilder::load_changes(RingOwner owner, const v1::JournalChanges& changes) {
  auto& ring = rings_[owner];
  if (!ring) {
    ring = std::make_unique<Ring>();
    ring->owner = owner;
  }
  for (const auto& from : changes.sessions())
    load_session(from, *ring);
  for (const auto& from : changes.calls()) {
    const auto session = ring->sessions.find(from.session());
    if (session == ring->sessions.end()) return damaged();
    auto& call = ring->calls[from.counter()];
    if (!call) {
      call = std::make_unique<Call>();
      ++session->second.open_calls;
    }
    CALLGATE_TRY(load_call(owner, from, *call));
  }
  for (const std::uint64_t counter : changes.closed_calls()) {
    const auto call = ring->calls.find(counter);
    if (call == ring->calls.end()) continue;
    if (const auto session = ring->sessions.find(call->second->session); session != ring->sessions.end())
      --session->second.open_calls;
    ring->calls.erase(call);
  }
  for (const std::uint64_t counter : changes.closed_sessions())
    ring->sessions.erase(counter);
  return {};
}

}  // namespace callgate::record
