#include "proxy/prober.hpp"

#include "base/log.hpp"
#include "proxy/thread_context.hpp"

namespace callgate::proxy {
void Prober::start(ThreadContext& context, const Workload& workload, std::shared_ptr<UpstreamBucket> bucket,
                   StreamUser& user) {
  context_ = &context;
  bucket_ = std::move(bucket);
  const Nanoseconds now = context.clock.now();
  if (bucket_->proof != nullptr && now < bucket_->proof->valid_until) proof_ = bucket_->proof;
  if (proof_ != nullptr && proof_->valid_until - now > context.settings.proof_time / 2) return;
  connector_.start(context, workload, bucket_, user);
  busy_ = true;
}

Prober::Progress Prober::step() {
  if (proof_ != nullptr) return Progress::proved;
  switch (connector_.step()) {
    case Connector::Progress::waiting_for_socket:
      return Progress::waiting_for_socket;
    case Connector::Progress::waiting:
      return Progress::waiting;
    case Connector::Progress::ready:
      keep(*connector_.take());
      return Progress::proved;
    case Connector::Progress::failed:
      break;
  }
  busy_ = false;
  return Progress::failed;
}

void Prober::keep(const UpstreamConnection& connection) {
  busy_ = false;
  proof_ = std::make_shared<UpstreamBucket::Proof>(
      UpstreamBucket::Proof{connection.stream->tls_facts(), connection.certificate_digest,
                            context_->clock.now() + context_->settings.proof_time});
  bucket_->proof = proof_;
  connection.stream->end_output();
}

// The call goes on with the proof that it has; the next one asks anew.
void Prober::drop() {
  log_warning("target_not_proved_again", {{"host", bucket_->requirement().name},
                                          {"code", connector_.failure().code},
                                          {"detail", connector_.failure().detail}});
  busy_ = false;
  bucket_->proof = nullptr;
}

bool Prober::renew() {
  if (!busy_ || proof_ == nullptr) return false;
  switch (connector_.step()) {
    case Connector::Progress::waiting_for_socket:
      return true;
    case Connector::Progress::waiting:
      break;
    case Connector::Progress::ready:
      keep(*connector_.take());
      break;
    case Connector::Progress::failed:
      drop();
      break;
  }
  return false;
}

void Prober::expire() {
  connector_.expire();
  if (proof_ != nullptr) drop();
}

void Prober::cancel() {
  connector_.cancel();
  busy_ = false;
}

}  // namespace callgate::proxy
