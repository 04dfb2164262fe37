#include "proxy/call_record.hpp"

#include <algorithm>

#include "proxy/session.hpp"
#include "proxy/thread_context.hpp"

namespace callgate::proxy {

void CallRecord::begin(const Id& id, const policy::RecordRequirement& requirement) {
  id_ = id;
  requirement_ = requirement;
  workload_ = 0;
  sync_position_ = 0;
  recorded_ = false;
  gap_ = false;
}

bool CallRecord::open(Session& session, const policy::Decision& decision, bool enforced, std::uint8_t tls,
                      std::string_view function, std::string_view host) {
  workload_ = session.flow().workload;
  const std::uint64_t limit =
      requirement_.payloads ? std::min(requirement_.payload_limit, context_.settings.payload_bytes) : 0;
  recorded_ =
      session.record_opened() && context_.recorder.call_opened({.call = id_,
                                                                .session = session.id(),
                                                                .requirement = requirement_,
                                                                .payload_limit = limit,
                                                                .enforced = enforced,
                                                                .tls = tls,
                                                                .port = session.flow().destination.port,
                                                                .function = function,
                                                                .host = host},
                                                               decision);
  if (!recorded_ && waits()) return false;
  if (!recorded_) {
    ++context_.counters.calls_unrecorded;
    session.note_gap();
    lose(1, 1, 0);
  }
  session.count_call();
  return true;
}

bool CallRecord::decided(const policy::Decision& decision) {
  return settled(recorded_ && context_.recorder.call_decided(id_, decision));
}

bool CallRecord::upstream(const UpstreamFacts& facts) {
  return settled(recorded_ && context_.recorder.call_upstream(id_, facts));
}

bool CallRecord::client(bool encrypted_hello, const record::CallClientText& text) {
  return settled(recorded_ && context_.recorder.call_client(id_, encrypted_hello, text));
}

std::span<std::uint8_t> CallRecord::lend(std::size_t size) {
  return recorded_ && !gap_ ? context_.recorder.lend(size) : std::span<std::uint8_t>();
}

bool CallRecord::payload(record::Direction direction, record::PayloadKind kind, std::string_view bytes) {
  if (bytes.empty()) return true;
  const std::size_t written =
      recorded_ && !gap_ ? context_.recorder.payload_part(id_, direction, kind, bytes) : 0;
  if (written == bytes.size()) return true;
  if (!waits()) lose(0, 1, bytes.size() - written);
  return !waits();
}

bool CallRecord::close(const CallEnd& end) {
  CallEnd told = end;
  if (gap_ && told.code.empty()) {
    told.code = "record_gap";
    told.detail = "the ring of events was full: a part of the call's bytes is not recorded";
  }
  const bool written = recorded_ && context_.recorder.call_closed(id_, told);
  if (!settled(written)) return false;
  recorded_ = false;
  return true;
}

bool CallRecord::has_room(std::size_t payload) const {
  return !waits() || context_.recorder.has_room(payload);
}

bool CallRecord::synced() {
  if (requirement_.durability != policy::Durability::synced) return true;
  if (sync_position_ == 0) sync_position_ = context_.recorder.want_sync();
  return context_.recorder.synced_position() >= sync_position_;
}

Failure not_synced() {
  return {503, "record_not_synced",
          "the call's record did not reach the disk in time, which its policy asks for, so the call is not "
          "made; `callgate doctor` says whether the journal can be written"};
}

bool CallRecord::settled(bool written) {
  if (written) return true;
  if (!waits()) lose(0, 1, 0);
  return !waits();
}

void CallRecord::lose(std::uint64_t calls, std::uint64_t events, std::uint64_t bytes) {
  gap_ = true;
  context_.lose(workload_, {calls, events, bytes});
}

}  // namespace callgate::proxy
