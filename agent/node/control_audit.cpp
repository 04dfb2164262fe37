// The part of the control API that proves, holds and erases. Runs on the asking threads.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/clock.hpp"
#include "node/control_backend.hpp"
#include "payload/erase.hpp"
#include "record/record_fields.hpp"
#include "record/recorder.hpp"
#include "record/retention.hpp"

namespace callgate::node {
namespace {

constexpr std::size_t most_proofs = 100;

}  // namespace

Result<v1::ProveSessionReply> ControlBackend::prove_session(const control::Peer&,
                                                            const v1::ProveSessionRequest& request) {
  const record::StoreQueries& store = parts_.recorder.queries();
  const auto session = store.find_session(request.id());
  if (!session) return session.error();
  const auto positions = store.records_of(*session);
  if (!positions) return positions.error();
  const auto records = store.show(*session);
  if (!records) return records.error();
  if (positions->size() > most_proofs) {
    return make_error("too_large",
                      fmt::format("the session has {} records, more than the {} that are proved at once: "
                                  "name one of its calls",
                                  positions->size(), most_proofs));
  }
  // The digits of a call ask for its proof alone.
  const auto is_asked = [&](const v1::Record& record) {
    return !record.call_id().empty() && inquiry::id_has_digits(record.call_id(), request.id());
  };
  const bool one_call = std::any_of(records->begin(), records->end(), is_asked) &&
                        !inquiry::id_has_digits(id_bytes(*session), request.id());
  v1::ProveSessionReply reply;
  for (std::size_t at = 0; at < std::min(records->size(), positions->size()); ++at) {
    const v1::Record& record = (*records)[at];
    if (one_call && !is_asked(record)) continue;
    auto text = parts_.recorder.log().prove((*positions)[at]);
    if (!text) return text.error();
    auto& proof = *reply.add_proofs();
    proof.set_call_id(record.call_id());
    proof.set_text(std::move(*text));
  }
  return reply;
}

Result<v1::ListHoldsReply> ControlBackend::list_holds(const control::Peer&) {
  v1::ListHoldsReply reply;
  for (const record::Hold& hold : parts_.retention.holds()) {
    auto& to = *reply.add_holds();
    to.set_name(hold.name);
    to.set_since(hold.since_ns);
    to.set_until(hold.until_ns);
    to.set_reason(hold.reason);
  }
  return reply;
}

Result<v1::ChangeHoldReply> ControlBackend::change_hold(const control::Peer& peer,
                                                        const v1::ChangeHoldRequest& request) {
  record::Hold hold{request.hold().name(), request.hold().since(), request.hold().until(),
                    request.hold().reason()};
  if (hold.until_ns == 0) hold.until_ns = ~std::uint64_t{0};
  v1::Event event;
  event.set_type(request.release() ? v1::Event::TYPE_RELEASE : v1::Event::TYPE_HOLD);
  event.set_name(hold.name);
  event.set_since_ns(hold.since_ns);
  event.set_until_ns(hold.until_ns);
  event.set_detail(hold.reason.substr(0, 1024));
  // What may be removed again is recorded first; what must be kept is kept first.
  if (request.release()) {
    const auto holds = parts_.retention.holds();
    const bool known =
        std::any_of(holds.begin(), holds.end(), [&](const auto& is) { return is.name == hold.name; });
    if (known) CALLGATE_TRY(record_event(peer, std::move(event)));
    CALLGATE_TRY(parts_.retention.release_hold(hold.name));
    return v1::ChangeHoldReply();
  }
  CALLGATE_TRY(parts_.retention.add_hold(hold));
  if (const auto recorded = record_event(peer, std::move(event)); !recorded) {
    (void)parts_.retention.release_hold(hold.name);
    return recorded.error();
  }
  return v1::ChangeHoldReply();
}

Result<v1::EraseSessionReply> ControlBackend::erase_session(const control::Peer& peer,
                                                            const v1::EraseSessionRequest& request) {
  const record::StoreQueries& store = parts_.recorder.queries();
  const auto session = store.find_session(request.id());
  if (!session) return session.error();
  const auto records = store.show(*session);
  if (!records) return records.error();
  std::uint64_t last = 0;
  bool found = request.call_id().empty();
  for (const v1::Record& record : *records) {
    if (const auto name = parts_.retention.holder(record.opened_ns(), record.closed_ns()); !name.empty()) {
      return make_error("refused",
                        fmt::format("the hold {} covers this time: what is held is not erased; lift it first "
                                    "(`callgate audit hold release {}`)",
                                    name, name));
    }
    if (record.call_id() != request.call_id()) continue;
    found = true;
    last = record::payload_pointer(record);
  }
  if (!found) return make_error("not_found", "the session has no such call: see `callgate sessions show`");
  v1::Event event;
  event.set_type(v1::Event::TYPE_ERASURE);
  event.set_session(id_bytes(*session));
  event.set_call(request.call_id());
  CALLGATE_TRY(record_event(peer, std::move(event)));
  payload::Files& files = *parts_.recorder.payload().files;
  const auto erased = request.call_id().empty()
                          ? payload::erase_session(files, *session)
                          : payload::erase_call(files, id_from_bytes(request.call_id()), last);
  if (!erased) return erased.error();
  v1::EraseSessionReply reply;
  reply.set_session_id(id_bytes(*session));
  reply.set_blocks(erased->blocks);
  reply.set_bytes(erased->bytes);
  return reply;
}

Result<v1::ReindexReply> ControlBackend::reindex(const control::Peer&, const v1::ReindexRequest& request) {
  const auto epochs = parts_.recorder.log().log().epochs();
  const auto found = std::find_if(epochs.begin(), epochs.end(),
                                  [&](const auto& epoch) { return epoch.number >= request.epoch(); });
  if (found == epochs.end()) return make_error("not_found", "the log has no such epoch");
  const auto entries = parts_.recorder.log().reindex(found->number);
  if (!entries) return entries.error();
  v1::ReindexReply reply;
  reply.set_epoch(found->number);
  reply.set_entries(*entries);
  if (std::next(found) != epochs.end()) reply.set_next_epoch(std::next(found)->number);
  return reply;
}

}  // namespace callgate::node
