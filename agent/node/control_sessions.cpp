// The part of the control API that reads records. Runs on the asking threads: the store may be asked from
// any.
#include "node/control_backend.hpp"
#include "node/known_workloads.hpp"
#include "node/session_list.hpp"
#include "node/session_search.hpp"
#include "node/session_show.hpp"
#include "node/session_tail.hpp"
#include "record/recorder.hpp"

namespace callgate::node {
namespace {

constexpr unsigned most_searches = 2;

}  // namespace

bool ControlBackend::may_see(const control::Peer& peer, std::uint64_t workload) const {
  if (peer.role >= control::Role::viewer) return true;
  const auto owner = parts_.known.owner(workload);
  return owner && peer.sees(*owner);
}

bool ControlBackend::may_read_payload(const control::Peer& peer, std::uint64_t workload) const {
  if (peer.role >= control::Role::auditor) return true;
  const auto owner = parts_.known.owner(workload);
  return owner && peer.may_read_payload(*owner);
}

EvidenceReader ControlBackend::reader(const control::Peer& peer) {
  return {parts_.recorder.queries(),
          [this, &peer](std::uint64_t workload) { return may_see(peer, workload); },
          [this, &peer](std::uint64_t workload) { return may_read_payload(peer, workload); },
          [this, &peer](v1::Event event) {
            event.set_type(v1::Event::TYPE_PAYLOAD_READ);
            return record_event(peer, std::move(event));
          }};
}

Result<void> ControlBackend::record_event(const control::Peer& peer, v1::Event event) {
  event.mutable_actor()->set_uid(peer.uid);
  event.mutable_actor()->set_pid(static_cast<std::uint32_t>(peer.pid));
  v1::Record record;
  *record.mutable_event() = std::move(event);
  return parts_.recorder.record_event(std::move(record));
}

Result<v1::ListSessionsReply> ControlBackend::list_sessions(const control::Peer& peer,
                                                            const v1::ListSessionsRequest& request) {
  return node::list_sessions(reader(peer), request);
}

Result<void> ControlBackend::show_session(const control::Peer& peer, const v1::ShowSessionRequest& request,
                                          control::Stream<v1::ShowSessionPart>& stream) {
  return node::show_session(reader(peer), request, stream);
}

Result<void> ControlBackend::tail_sessions(const control::Peer& peer, const v1::TailSessionsRequest& request,
                                           control::Stream<v1::TailItem>& stream) {
  return node::tail_sessions(reader(peer), request, stream);
}

Result<void> ControlBackend::search_sessions(const control::Peer& peer,
                                             const v1::SearchSessionsRequest& request,
                                             control::Stream<v1::SearchPart>& stream) {
  struct Slot {
    explicit Slot(std::atomic<unsigned>& used_) : used(used_), number(++used_) {}
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;
    ~Slot() { --used; }
    std::atomic<unsigned>& used;
    unsigned number;
  };
  // A search that passes over what it may not read would say that there is nothing.
  if (peer.role == control::Role::viewer) return make_error("denied", std::string(control::payload_withheld));
  const Slot slot(searches_);
  if (slot.number > most_searches)
    return make_error("too_many", "two searches are going on already: try again when one has ended");
  return node::search_sessions(reader(peer), request, stream);
}

}  // namespace callgate::node
