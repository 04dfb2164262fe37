#include "record/record_fields.hpp"

#include <cstring>

#include "record/utf8.hpp"

namespace callgate::record {
namespace {

// Every text of a record may grow threefold when it is made UTF-8; with the names of workload and process it
// must still fit into a leaf.
static_assert(3 * (function_limit + host_limit + policy_limit + rule_limit + reason_limit +
                   tls_version_limit + cipher_limit + application_protocol_limit + subject_limit +
                   spiffe_id_limit + error_code_limit + error_detail_limit + host_limit +
                   client_versions_limit + client_protocols_limit) +
                  12'000 <
              65'535);

void set_endpoint(const std::uint8_t (&ip)[16], bool v6, std::uint16_t port, v1::Endpoint& endpoint) {
  endpoint.set_ip(ip, v6 ? 16 : 4);
  endpoint.set_port(port);
}

// The values of policy::TlsRequirement, laxest first.
v1::TlsRequirement requirement(std::uint8_t value) {
  switch (value) {
    case 0:
      return v1::TLS_REQUIREMENT_PLAINTEXT;
    case 1:
      return v1::TLS_REQUIREMENT_UNVERIFIED;
    case 2:
      return v1::TLS_REQUIREMENT_VERIFIED;
    case 3:
      return v1::TLS_REQUIREMENT_MUTUAL;
    default:
      return v1::TLS_REQUIREMENT_UNTOUCHED;
  }
}

v1::Outcome outcome(Outcome value) {
  return static_cast<v1::Outcome>(static_cast<int>(value) + v1::OUTCOME_COMPLETED);
}

// `text`: of a call that is opened or decided.
template <typename Text>
void set_decision(Verdict verdict, const Text& text, v1::Record& record) {
  v1::Decision& decision = *record.mutable_decision();
  decision.set_verdict(verdict == Verdict::allow ? v1::VERDICT_ALLOW : v1::VERDICT_DENY);
  decision.set_policy(to_utf8(text.policy));
  decision.set_rule(to_utf8(text.rule));
  decision.set_reason(to_utf8(text.reason));
  decision.clear_trial();
  if (text.trial_policy.empty()) return;
  decision.mutable_trial()->set_policy(to_utf8(text.trial_policy));
  decision.mutable_trial()->set_rule(to_utf8(text.trial_rule));
  decision.mutable_trial()->set_reason(to_utf8(text.trial_reason));
}

void note_truncation(const EventHeader& header, v1::Record& record) {
  if ((header.flags & text_truncated) != 0) record.set_text_truncated(true);
}

}  // namespace

std::uint64_t payload_pointer(const v1::Record& record) {
  std::uint64_t pointer = 0;
  if (record.payload_reference().size() == sizeof(pointer))
    std::memcpy(&pointer, record.payload_reference().data(), sizeof(pointer));
  return pointer;
}

void set_session(const SessionOpened& event, v1::Record& record) {
  record.set_session_id(id_bytes(event.session));
  record.set_node_generation(event.session.generation);
  record.mutable_workload()->set_registry_id(event.workload);
  v1::Process& process = *record.mutable_process();
  process.set_tgid(event.tgid);
  process.set_start_ns(event.process_start);
  process.set_exe_device(event.exe_device);
  process.set_exe_inode(event.exe_inode);
  set_endpoint(event.destination_ip, event.destination_v6 != 0, event.destination_port,
               *record.mutable_destination());
  record.mutable_session()->set_opened_ns(event.header.time_ns);
  record.mutable_session()->set_enforced(event.enforced != 0);
}

void set_call(const CallOpenedView& view, v1::Record& record) {
  const CallOpened& event = view.event;
  record.set_kind(v1::Record::KIND_CALL);
  record.set_call_id(id_bytes(event.call));
  record.set_opened_ns(event.header.time_ns);
  record.set_function(to_utf8(view.text.function));
  record.mutable_target()->set_host(to_utf8(view.text.host));
  record.mutable_target()->set_port(event.port);
  set_decision(event.verdict, view.text, record);
  record.mutable_decision()->set_enforced(event.enforced != 0);
  record.set_retain_seconds(event.retain_seconds);
  record.mutable_upstream()->set_required(requirement(event.upstream_tls));
  note_truncation(event.header, record);
}

void set_decision(const CallDecidedView& view, v1::Record& record) {
  set_decision(view.event.verdict, view.text, record);
  note_truncation(view.event.header, record);
}

void set_upstream(const CallUpstreamView& view, v1::Record& record) {
  const CallUpstream& event = view.event;
  v1::Upstream& upstream = *record.mutable_upstream();
  upstream.set_reached(true);
  set_endpoint(event.upstream_ip, event.upstream_v6 != 0, event.upstream_port, *upstream.mutable_address());
  upstream.set_tls(event.tls != 0);
  upstream.set_verified(event.verified != 0);
  upstream.set_mutual(event.client_certificate != 0);
  upstream.set_resumed(event.resumed != 0);
  upstream.set_reused(event.reused != 0);
  upstream.set_plaintext(event.tls == 0);
  upstream.set_probed(event.probed != 0);
  upstream.set_unverified(event.tls != 0 && event.verified == 0 && event.probed == 0);
  upstream.set_tls_version(to_utf8(view.text.tls_version));
  upstream.set_cipher(to_utf8(view.text.cipher));
  upstream.set_application_protocol(to_utf8(view.text.application_protocol));
  upstream.clear_certificate();
  if (!view.text.digest.empty()) {
    v1::Certificate& certificate = *upstream.mutable_certificate();
    certificate.set_subject(to_utf8(view.text.subject));
    certificate.set_spiffe_id(to_utf8(view.text.spiffe_id));
    certificate.set_sha256(view.text.digest.data(), view.text.digest.size());
    certificate.set_not_after_seconds(event.certificate_not_after);
  }
  note_truncation(event.header, record);
}

void set_client(const CallClientView& view, v1::Record& record) {
  v1::ClientTls& client = *record.mutable_client_tls();
  client.set_server_name(to_utf8(view.text.server_name));
  client.set_versions(to_utf8(view.text.versions));
  client.set_protocols(to_utf8(view.text.protocols));
  client.set_encrypted_client_hello(view.event.encrypted_hello != 0);
  note_truncation(view.event.header, record);
}

void set_closed(const CallClosedView& view, v1::Record& record) {
  const CallClosed& event = view.event;
  record.set_closed_ns(event.header.time_ns);
  record.set_outcome(outcome(event.outcome));
  record.set_status(event.status);
  record.set_error_code(to_utf8(view.error.code));
  record.set_error_detail(to_utf8(view.error.detail));
  v1::Timings& timings = *record.mutable_timings();
  timings.set_connected_us(event.connected_us);
  timings.set_handshaken_us(event.handshaken_us);
  timings.set_first_byte_us(event.first_byte_us);
  timings.set_total_us(event.total_us);
  note_truncation(event.header, record);
}

void set_closed(const SessionClosedView& view, v1::Record& record) {
  const SessionClosed& event = view.event;
  record.set_closed_ns(event.header.time_ns);
  record.set_outcome(outcome(event.outcome));
  record.set_error_code(to_utf8(view.error.code));
  record.set_error_detail(to_utf8(view.error.detail));
  record.mutable_session()->set_received_bytes(event.received);
  record.mutable_session()->set_sent_bytes(event.sent);
  note_truncation(event.header, record);
}

}  // namespace callgate::record
