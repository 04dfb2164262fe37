#include "proxy/observed_tls.hpp"

#include "protocol/tls/version.hpp"
#include "proxy/call_stages.hpp"
#include "proxy/tls_offer.hpp"

namespace callgate::proxy {

ObservedTls::ObservedTls(Session& session, CallRecord& record) : session_(session), record_(record) {}

policy::Decision ObservedTls::judge(const tls::ClientHello& hello, std::string_view host) {
  hello_ = hello;
  host_ = host;
  policy_ = session_.policy();
  decision_ = ConnectionStage::run(session_, "tls", host_);
  // Where no policy speaks, nobody says what a target would have to prove.
  const bool allowed = decision_.verdict == policy::Verdict::allow && decision_.upstream != nullptr;
  if (!allowed || decision_.policy.empty()) return decision_;
  reading_ = true;
  if (hello.highest_version() < lowest_version(*decision_.upstream)) {
    reason_ = "tls_version_too_low";
  } else if (const auto failure = AddressStage::run(*decision_.upstream, session_.flow())) {
    reason_ = failure->code;
  }
  if (reason_.empty()) return decision_;
  reading_ = false;
  decision_.verdict = policy::Verdict::deny;
  decision_.reason = reason_;
  return decision_;
}

void ObservedTls::start() {
  const bool proof = reading_ && (decision_.upstream->tls == policy::TlsRequirement::verified ||
                                  decision_.upstream->tls == policy::TlsRequirement::mutual);
  if (!proof) return;
  const auto bucket = session_.upstream_bucket(*decision_.upstream, host_, probe_protocols(hello_));
  if (!bucket) {
    would_refuse(bucket.error().code);
    return;
  }
  prober_.start(session_.context(), *session_.workload(), *bucket, session_.stream_user());
  asking_ = true;
  step();
}

void ObservedTls::step() {
  if (!asking_) return;
  switch (prober_.step()) {
    case Prober::Progress::waiting:
      return;
    case Prober::Progress::proved:
      asking_ = false;
      record_upstream();
      return;
    case Prober::Progress::failed:
      break;
  }
  asking_ = false;
  reading_ = false;
  if (const UpstreamConnection* shown = prober_.failed_connection();
      shown != nullptr && shown->stream->is_tls()) {
    (void)record_.upstream(shown->facts());
  }
  would_refuse(prober_.failure().code);
}

void ObservedTls::target_sent(std::string_view bytes) {
  if (!reading_) return;
  answer_.append(bytes);
  const auto read = server_hello_.feed(std::string_view(answer_).substr(server_hello_.size()));
  if (!read.hello && !read.problem) return;
  if (read.hello && read.hello->retry) {
    answer_.erase(0, server_hello_.size());
    server_hello_ = tls::ServerHelloReader(*read.hello);
    target_sent({});
    return;
  }
  reading_ = false;
  answer_.clear();
  if (read.problem || read.hello->version == 0) return;
  version_ = tls::version_name(read.hello->version);
  if (prober_.proof() != nullptr) record_upstream();
  if (read.hello->version < lowest_version(*decision_.upstream)) would_refuse("tls_version_too_low");
}

void ObservedTls::would_refuse(std::string_view code) {
  reason_ = code;
  decision_.verdict = policy::Verdict::deny;
  decision_.reason = reason_;
  (void)record_.decided(decision_);
}

void ObservedTls::record_upstream() {
  const UpstreamBucket::Proof& proof = *prober_.proof();
  UpstreamFacts facts;
  facts.address = session_.flow().destination;
  facts.tls = true;
  facts.probed = true;
  facts.facts = &proof.facts;
  facts.certificate_digest = proof.certificate_digest;
  facts.tls_version = version_;
  (void)record_.upstream(facts);
}

}  // namespace callgate::proxy
