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

bool ControlBackend::may_see(const control::Peer& peer, const v1::Record& record) const {
  if (peer.admin) return true;
  const auto owner = parts_.known.owner(record.workload().registry_id());
  return owner && peer.owns(*owner);
}

Result<v1::ListSessionsReply> ControlBackend::list_sessions(const control::Peer& peer,
                                                            const v1::ListSessionsRequest& request) {
  return node::list_sessions(parts_.recorder.queries(), request,
                             [&](const v1::Record& record) { return may_see(peer, record); });
}

Result<void> ControlBackend::show_session(const control::Peer& peer, const v1::ShowSessionRequest& request,
                                          control::Stream<v1::ShowSessionPart>& stream) {
  return node::show_session(
      parts_.recorder.queries(), request, [&](const v1::Record& record) { return may_see(peer, record); },
      stream);
}

Result<void> ControlBackend::tail_sessions(const control::Peer& peer, const v1::TailSessionsRequest& request,
                                           control::Stream<v1::TailItem>& stream) {
  return node::tail_sessions(
      parts_.recorder.queries(), request, [&](const v1::Record& record) { return may_see(peer, record); },
      stream);
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
  const Slot slot(searches_);
  if (slot.number > most_searches)
    return make_error("too_many", "two searches are going on already: try again when one has ended");
  return node::search_sessions(
      parts_.recorder.queries(), request, [&](const v1::Record& record) { return may_see(peer, record); },
      stream);
}

}  // namespace callgate::node
