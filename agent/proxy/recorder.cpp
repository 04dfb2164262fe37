#include "proxy/recorder.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

namespace callgate::proxy {
namespace {

constexpr std::size_t largest_piece = 192U << 10U;

std::uint32_t microseconds_since(Nanoseconds opened, Nanoseconds at) {
  if (at == 0 || at < opened) return 0;
  constexpr std::uint64_t most = std::numeric_limits<std::uint32_t>::max();
  // At least 1: 0 says that it did not happen.
  return static_cast<std::uint32_t>(std::clamp<std::uint64_t>((at - opened) / 1000, 1, most));
}

}  // namespace

Recorder::Recorder(record::RingWriter ring, const Clock& clock)
    : ring_(std::move(ring)),
      writer_(ring_),
      clock_(clock),
      piece_size_(std::min(largest_piece, ring_.capacity() / 8)) {}

record::EventHeader Recorder::header() const {
  record::EventHeader header{};
  header.time_ns = clock_.wall();
  return header;
}

void Recorder::lose(std::uint64_t workload, const Losses& losses) {
  if (gap_.lost_events == 0) {
    gap_.since_ns = clock_.wall();
    gap_.workload = workload;
  }
  if (gap_.workload != workload) gap_.workload = 0;
  gap_.lost_calls += losses.calls;
  gap_.lost_events += losses.events;
  gap_.lost_bytes += losses.bytes;
}

bool Recorder::write_gap() {
  if (gap_.lost_events == 0) return true;
  gap_.header = header();
  if (!writer_.gap(gap_)) return false;
  gap_ = {};
  return true;
}

std::uint64_t Recorder::want_sync() {
  ring_.want_sync();
  return ring_.written_position();
}

bool Recorder::session_opened(const Id& session, const kernel::Flow& flow, bool enforced) {
  record::SessionOpened event{};
  event.header = header();
  event.session = session;
  event.workload = flow.workload;
  event.process_start = flow.process_start;
  event.exe_device = flow.exe_device;
  event.exe_inode = flow.exe_inode;
  event.tgid = flow.tgid;
  event.destination_port = flow.destination.port;
  event.destination_v6 = flow.destination.v6 ? 1 : 0;
  event.enforced = enforced ? 1 : 0;
  std::memcpy(event.destination_ip, flow.destination.ip.data(), sizeof(event.destination_ip));
  return writer_.session_opened(event);
}

bool Recorder::call_opened(const CallBeginning& beginning, const policy::Decision& decision) {
  if (!write_gap()) return false;
  // A call that goes to its target must not find that its answer cannot be recorded.
  if (decision.verdict == policy::Verdict::allow && !has_room(piece_size_)) return false;
  record::CallOpened event{};
  event.header = header();
  event.call = beginning.call;
  event.session = beginning.session;
  event.verdict = decision.verdict == policy::Verdict::allow ? record::Verdict::allow : record::Verdict::deny;
  event.enforced = beginning.enforced ? 1 : 0;
  event.upstream_tls = beginning.tls;
  event.durability = static_cast<record::CallDurability>(beginning.requirement.durability);
  event.port = beginning.port;
  event.payload_limit = beginning.payload_limit;
  event.retain_seconds = static_cast<std::uint32_t>(beginning.requirement.retain.count());
  return writer_.call_opened(
      event, {beginning.function, beginning.host, decision.policy, decision.rule, decision.reason,
              decision.trial.policy, decision.trial.rule, decision.trial.reason});
}

bool Recorder::call_decided(const Id& call, const policy::Decision& decision) {
  record::CallDecided event{};
  event.header = header();
  event.call = call;
  event.verdict = decision.verdict == policy::Verdict::allow ? record::Verdict::allow : record::Verdict::deny;
  return writer_.call_decided(event, {decision.policy, decision.rule, decision.reason, decision.trial.policy,
                                      decision.trial.rule, decision.trial.reason});
}

bool Recorder::call_upstream(const Id& call, const UpstreamFacts& facts) {
  record::CallUpstream event{};
  event.header = header();
  event.call = call;
  std::memcpy(event.upstream_ip, facts.address.ip.data(), sizeof(event.upstream_ip));
  event.upstream_port = facts.address.port;
  event.upstream_v6 = facts.address.v6 ? 1 : 0;
  event.tls = facts.tls ? 1 : 0;
  event.reused = facts.reused ? 1 : 0;
  record::CallUpstreamText text;
  text.tls_version = facts.tls_version;
  if (facts.facts != nullptr) {
    const transport::TlsFacts& tls = *facts.facts;
    if (facts.probed) {
      event.probed = tls.verified ? 1 : 0;
    } else {
      event.verified = tls.verified ? 1 : 0;
      event.resumed = tls.resumed ? 1 : 0;
      event.client_certificate = tls.client_certificate_sent ? 1 : 0;
      text.cipher = tls.cipher;
      text.tls_version = tls.version;
    }
    if (tls.peer != nullptr) {
      text.subject = tls.peer->subject;
      text.spiffe_id = tls.peer->spiffe_id;
      event.certificate_not_after = tls.peer->not_after;
    }
    text.application_protocol = tls.application_protocol;
    text.digest = as_bytes(facts.certificate_digest);
  }
  return writer_.call_upstream(event, text);
}

bool Recorder::call_client(const Id& call, bool encrypted_hello, const record::CallClientText& text) {
  record::CallClient event{};
  event.header = header();
  event.call = call;
  event.encrypted_hello = encrypted_hello ? 1 : 0;
  return writer_.call_client(event, text);
}

std::size_t Recorder::payload_part(const Id& call, record::Direction direction, record::PayloadKind kind,
                                   std::string_view bytes) {
  record::Payload event{};
  event.header = header();
  event.call = call;
  event.direction = direction;
  event.kind = kind;
  return writer_.payload(event, as_bytes(bytes));
}

bool Recorder::call_closed(const Id& call, const CallEnd& end) {
  record::CallClosed event{};
  event.header = header();
  event.call = call;
  event.outcome = end.outcome;
  event.status = static_cast<std::uint16_t>(end.status);
  event.request_body_size = end.request_body_size;
  event.response_body_size = end.response_body_size;
  event.connected_us = microseconds_since(end.opened_at, end.connected_at);
  event.handshaken_us = microseconds_since(end.opened_at, end.handshaken_at);
  event.first_byte_us = microseconds_since(end.opened_at, end.first_byte_at);
  event.total_us = microseconds_since(end.opened_at, clock_.now());
  return writer_.call_closed(event, {end.code, end.detail});
}

bool Recorder::session_closed(const Id& session, std::uint64_t received, std::uint64_t sent,
                              std::uint32_t calls, record::Outcome outcome, std::string_view code,
                              std::string_view detail) {
  record::SessionClosed event{};
  event.header = header();
  event.session = session;
  event.received = received;
  event.sent = sent;
  event.calls = calls;
  event.outcome = outcome;
  return writer_.session_closed(event, {code, detail});
}

}  // namespace callgate::proxy
