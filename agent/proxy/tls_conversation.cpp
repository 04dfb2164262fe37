#include "proxy/tls_conversation.hpp"

#include <fmt/format.h>

#include "protocol/tls/version.hpp"
#include "proxy/call_stages.hpp"
#include "proxy/tls_offer.hpp"

namespace callgate::proxy {

TlsConversation::TlsConversation(Session& session, Nanoseconds since)
    : session_(session),
      context_(session.context()),
      call_(session),
      policy_(session.policy()),
      since_(since) {}

void TlsConversation::step() {
  if (call_.ending()) {
    call_.finish();
    return;
  }
  switch (phase_) {
    case Phase::hello:
      read_hello();
      break;
    case Phase::opening:
      open();
      break;
    case Phase::offered:
      record_offer();
      break;
    case Phase::syncing:
      sync();
      break;
    case Phase::probing:
      probe();
      break;
    case Phase::connecting:
      connect();
      break;
    case Phase::proved:
      record_upstream();
      break;
    case Phase::answering:
      answer();
      break;
    case Phase::retrying:
      retry();
      break;
    case Phase::chosen:
      record_version();
      break;
    case Phase::relaying:
      relay();
      break;
  }
}

policy::Decision TlsConversation::ask() const {
  return ConnectionStage::run(session_, "tls", host_);
}

void TlsConversation::decide() {
  // Judged by the policies of now.
  session_.refresh();
  policy_ = session_.policy();
  host_ = hello_.server_name.empty() ? ip_to_string(session_.flow().destination) : hello_.server_name;
  decision_ = ask();
  phase_ = Phase::opening;
  open();
}

void TlsConversation::open() {
  if (!call_.open(decision_, "tls:connect " + host_, host_)) return;
  phase_ = Phase::offered;
  record_offer();
}

void TlsConversation::record_offer() {
  if (!call_.recorded(proxy::record_offer(call_.record(), hello_))) return;
  if (!call_.allowed(decision_)) {
    refuse({403, "denied", denial(decision_)}, tls::Alert::access_denied, record::Outcome::denied);
    return;
  }
  if (hello_.highest_version() < lowest_version()) {
    refuse({426, "tls_version_too_low",
            fmt::format(
                "the caller offers {} at most, and the policy demands {}: let the caller offer it, or allow "
                "`min_version: \"1.2\"` for the target",
                tls::version_name(hello_.highest_version()), tls::version_name(lowest_version()))},
           tls::Alert::protocol_version);
    return;
  }
  if (const auto failure = call_.count(decision_, "tls:connect " + host_, host_)) {
    refuse(*failure, tls::Alert::access_denied, record::Outcome::denied);
    return;
  }
  phase_ = Phase::syncing;
  sync();
}

void TlsConversation::sync() {
  if (!call_.synced()) return;
  ++context_.counters.calls_allowed;
  prove();
}

std::string TlsConversation::denial(const policy::Decision& decision) const {
  std::string text =
      denial_text(decision, fmt::format("tls:connect {} (port {})", host_, session_.flow().destination.port));
  if (!decision.rule.empty()) return text;
  return text + "; the caller speaks TLS itself, so that no rule for its requests can match";
}

std::uint16_t TlsConversation::lowest_version() const {
  return proxy::lowest_version(*decision_.upstream);
}

void TlsConversation::prove() {
  const policy::Upstream& upstream = *decision_.upstream;
  if (auto failure = AddressStage::run(upstream, session_.flow())) {
    refuse(*failure, tls::Alert::handshake_failure);
    return;
  }
  if (upstream.tls == policy::TlsRequirement::plaintext ||
      upstream.tls == policy::TlsRequirement::unverified) {
    start_connecting();
    return;
  }
  auto bucket = session_.upstream_bucket(upstream, host_, probe_protocols(hello_));
  if (!bucket) {
    refuse({503, bucket.error().code, bucket.error().message}, tls::Alert::internal_error);
    return;
  }
  prober_.start(context_, *session_.workload(), *bucket, session_.stream_user());
  session_.set_deadline(0);  // the probe has its own
  phase_ = Phase::probing;
  probe();
}

void TlsConversation::probe() {
  switch (prober_.step()) {
    case Prober::Progress::waiting:
      return;
    case Prober::Progress::proved:
      start_connecting();
      return;
    case Prober::Progress::failed:
      break;
  }
  if (const UpstreamConnection* shown = prober_.failed_connection();
      shown != nullptr && shown->stream->is_tls()) {
    // What the target showed instead of a proof. Without space for it the refusal says enough.
    (void)call_.record().upstream(shown->facts());
  }
  refuse(Failure(prober_.failure()), tls::Alert::handshake_failure);
}

void TlsConversation::start_connecting() {
  Address address = session_.flow().destination;
  if (decision_.upstream->port != 0) address.port = decision_.upstream->port;
  // Of no pool: it carries this flow and ends with it.
  const auto bucket = std::make_shared<UpstreamBucket>(session_.workload()->id(), nullptr, address,
                                                       *decision_.upstream, host_);
  connector_.start(context_, *session_.workload(), bucket, session_.stream_user());
  phase_ = Phase::connecting;
  connect();
}

void TlsConversation::connect() {
  switch (connector_.step()) {
    case Connector::Progress::waiting_for_socket:
      session_.wait_for(Wait::sockets);
      [[fallthrough]];
    case Connector::Progress::waiting:
      session_.set_deadline(connector_.deadline());
      return;
    case Connector::Progress::ready:
      call_.facts().connected_at = connector_.connected_at();
      upstream_ = connector_.take();
      phase_ = Phase::proved;
      record_upstream();
      return;
    case Connector::Progress::failed:
      break;
  }
  refuse(Failure(connector_.failure()), tls::Alert::handshake_failure);
}

UpstreamFacts TlsConversation::upstream_facts() const {
  UpstreamFacts facts = upstream_->facts();
  facts.tls = true;
  facts.probed = true;
  if (const UpstreamBucket::Proof* proof = prober_.proof(); proof != nullptr) {
    facts.facts = &proof->facts;
    facts.certificate_digest = proof->certificate_digest;
  }
  return facts;
}

void TlsConversation::record_upstream() {
  if (!call_.recorded(call_.record().upstream(upstream_facts()))) return;
  send_hello();
}

void TlsConversation::record_version() {
  answer_.keep();
  UpstreamFacts facts = upstream_facts();
  const std::string name = version_ == 0 ? std::string() : tls::version_name(version_);
  facts.tls_version = name;
  if (!call_.recorded(call_.record().upstream(facts))) return;
  if (version_ != 0 && version_ < lowest_version()) {
    refuse({502, "tls_version_too_low",
            fmt::format("the target chose {}, and the policy demands {}", name,
                        tls::version_name(lowest_version()))},
           tls::Alert::protocol_version, record::Outcome::failed);
    return;
  }
  phase_ = Phase::relaying;
  tunnel_.emplace(session_, call_.record(), *upstream_->stream, call_.facts(), call_.limits(),
                  Tunnel::Payload::counted, false);
  tunnel_->begin_with(answer_.bytes());
  answer_.clear();
  relay();
}

void TlsConversation::relay() {
  const Tunnel::Progress progress = tunnel_->step();
  if (progress == Tunnel::Progress::ended) {
    end(Tunnel::Ending(tunnel_->ending()));
    return;
  }
  session_.set_deadline(tunnel_->deadline());
  if (progress == Tunnel::Progress::again) session_.run_again();
}

void TlsConversation::refuse(const Failure& failure, tls::Alert alert, record::Outcome outcome) {
  // A caller that does not take these few bytes is gone; both end the same.
  (void)session_.client().send(tls::alert_record(alert));
  if (upstream_ != nullptr) upstream_->stream->reset_on_close();
  end({outcome, failure.code, failure.detail, false});
}

void TlsConversation::end(const Tunnel::Ending& ending) {
  tunnel_.reset();
  connector_.cancel();
  prober_.cancel();
  if (upstream_ != nullptr && ending.reset) upstream_->stream->reset_on_close();
  upstream_ = nullptr;
  call_.end(ending);
}

void TlsConversation::expire() {
  const Nanoseconds now = context_.clock.now();
  if (call_.ending()) {
    call_.give_up();
    return;
  }
  switch (phase_) {
    case Phase::hello:
    case Phase::retrying:
      if (now < since_ + context_.settings.head_timeout) break;
      refuse({408, "head_timeout", "the rest of the caller's ClientHello did not arrive in time"},
             tls::Alert::handshake_failure);
      return;
    case Phase::opening:
    case Phase::offered:
    case Phase::proved:
    case Phase::chosen:
      refuse({503, "recording_unavailable", "the ring of events stayed full"}, tls::Alert::internal_error);
      return;
    case Phase::syncing:
      refuse(not_synced(), tls::Alert::internal_error);
      return;
    case Phase::probing:
      break;
    case Phase::connecting:
      if (now < connector_.deadline()) break;
      connector_.expire();
      refuse(Failure(connector_.failure()), tls::Alert::handshake_failure);
      return;
    case Phase::answering:
      if (now < since_ + context_.settings.connect_timeout) break;
      refuse({504, "tls_timeout", "the target did not answer the caller's ClientHello in time"},
             tls::Alert::handshake_failure, record::Outcome::failed);
      return;
    case Phase::relaying:
      if (tunnel_->deadline() == 0 || now < tunnel_->deadline()) break;
      tunnel_->expire();
      end(Tunnel::Ending(tunnel_->ending()));
      return;
  }
  step();
}

void TlsConversation::policy_changed() {
  if (call_.ending() || phase_ == Phase::hello) return;
  session_.refresh();
  if (session_.selection().mode() != policy::Mode::enforce) return;
  const policy::Decision now = ask();
  if (phase_ == Phase::opening) {
    policy_ = session_.policy();
    decision_ = now;
    return;
  }
  if (call_.allowed(now) && policy::same_demands(*now.upstream, *decision_.upstream)) return;
  end({record::Outcome::interrupted, "policy_changed",
       call_.allowed(now) ? std::string("the policies changed: they demand another proof of the target")
                          : "the policies changed: " + denial(now),
       true});
}

void TlsConversation::abandon(std::string_view code, std::string_view detail) {
  call_.interrupt(code, detail);
  tunnel_.reset();
  prober_.cancel();
  if (upstream_ != nullptr) upstream_->stream->reset_on_close();
  upstream_ = nullptr;
}

}  // namespace callgate::proxy
