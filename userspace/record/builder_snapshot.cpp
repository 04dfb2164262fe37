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

v1::JournalSnapshot RecordBuilder::save() const {
  const auto save_direction = [](const Direction& from, v1::JournalSnapshot::Direction& to) {
    to.set_body_size(from.body_size);
    to.set_captured(from.captured);
    to.set_truncated(from.truncated);
    to.set_body_digest(from.body.save());
    to.set_head_digest(from.head.save());
    to.set_salt(from.salt.data(), from.salt.size());
    for (const std::uint64_t offset : from.offsets)
      to.add_offsets(offset);
  };
  v1::JournalSnapshot snapshot;
  for (const auto& [owner, ring] : rings_) {
    v1::JournalSnapshot::Ring& saved = *snapshot.add_rings();
    saved.set_generation(owner.generation);
    saved.set_thread(owner.thread);
    saved.set_position(ring->position);
    for (const auto& [counter, session] : ring->sessions) {
      v1::JournalSnapshot::OpenSession& to = *saved.add_sessions();
      to.set_counter(counter);
      *to.mutable_record() = session.record;
      to.set_calls(session.calls);
      to.set_open_calls(session.open_calls);
    }
    for (const auto& [counter, call] : ring->calls) {
      v1::JournalSnapshot::Call& to = *saved.add_calls();
      to.set_counter(counter);
      to.set_session(call->session);
      *to.mutable_record() = call->record;
      save_direction(call->request, *to.mutable_request());
      save_direction(call->response, *to.mutable_response());
      to.set_payload_limit(call->payload_limit);
      to.set_last_payload(call->last_payload);
      to.set_frames(call->frames);
    }
  }
  return snapshot;
}

Result<void> RecordBuilder::load(const v1::JournalSnapshot& snapshot) {
  rings_.clear();
  const auto load_direction = [](const v1::JournalSnapshot::Direction& from, Direction& to) {
    to.body_size = from.body_size();
    to.captured = from.captured();
    to.truncated = from.truncated();
    if (from.salt().size() != to.salt.size() || from.offsets_size() != static_cast<int>(to.offsets.size()))
      return false;
    std::copy(from.salt().begin(), from.salt().end(), to.salt.begin());
    std::copy(from.offsets().begin(), from.offsets().end(), to.offsets.begin());
    return to.body.load(from.body_digest()) && to.head.load(from.head_digest());
  };
  std::map<RingOwner, std::unique_ptr<Ring>> rings;
  for (const auto& saved : snapshot.rings()) {
    auto ring = std::make_unique<Ring>();
    ring->owner = {saved.generation(), saved.thread()};
    ring->position = saved.position();
    for (const auto& from : saved.sessions()) {
      Session& session = ring->sessions[from.counter()];
      session.record = from.record();
      session.calls = from.calls();
      session.open_calls = from.open_calls();
    }
    for (const auto& from : saved.calls()) {
      auto call = std::make_unique<Call>();
      call->session = from.session();
      call->record = from.record();
      call->payload_limit = from.payload_limit();
      call->last_payload = from.last_payload();
      call->frames = from.frames();
      if (!load_direction(from.request(), call->request) ||
          !load_direction(from.response(), call->response)) {
        return damaged();
      }
      if (call->request.captured > call->payload_limit || call->response.captured > call->payload_limit ||
          ring->sessions.count(call->session) == 0) {
        return damaged();
      }
      ring->calls.emplace(from.counter(), std::move(call));
    }
    rings.emplace(ring->owner, std::move(ring));
  }
  rings_ = std::move(rings);
  return {};
}

}  // namespace callgate::record
