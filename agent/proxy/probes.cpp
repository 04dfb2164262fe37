#include "proxy/probes.hpp"

#include "base/log.hpp"
#include "proxy/thread_context.hpp"

namespace callgate::proxy {

Probe::Probe(ThreadContext& context, const Workload& workload, std::shared_ptr<UpstreamBucket> bucket)
    : context_(context), bucket_(std::move(bucket)) {
  connector_.start(context_, workload, bucket_, *this);
}

void Probe::step() {
  if (state_ != State::running) return;
  waits_for_socket_ = false;
  switch (connector_.step()) {
    case Connector::Progress::waiting_for_socket:
      waits_for_socket_ = true;
      return;
    case Connector::Progress::waiting:
      return;
    case Connector::Progress::ready:
      keep(*connector_.take());
      return;
    case Connector::Progress::failed:
      fail();
      return;
  }
}

void Probe::expire() {
  connector_.expire();
  fail();
}

void Probe::keep(const UpstreamConnection& connection) {
  state_ = State::proved;
  proof_ = std::make_shared<UpstreamBucket::Proof>(
      UpstreamBucket::Proof{connection.stream->tls_facts(), connection.certificate_digest,
                            context_.clock.now() + context_.settings.proof_time});
  bucket_->proof = proof_;
  connection.stream->end_output();
  tell();
}

// Whoever relies on an older proof goes on with it; the next call asks anew.
void Probe::fail() {
  state_ = State::failed;
  if (bucket_->proof != nullptr) {
    log_warning("target_not_proved_again", {{"host", bucket_->requirement().name},
                                            {"code", connector_.failure().code},
                                            {"detail", connector_.failure().detail}});
    bucket_->proof = nullptr;
  }
  tell();
}

void Probe::tell() {
  // A session that is told may end, and is destroyed only after the step; none asks this probe again.
  std::vector<StreamUser*> told;
  told.swap(waiting_);
  for (StreamUser* const user : told)
    user->on_stream_ready();
}

std::shared_ptr<Probe> Probes::ask(ThreadContext& context, const Workload& workload,
                                   const std::shared_ptr<UpstreamBucket>& bucket) {
  if (auto probe = bucket->probe.lock(); probe != nullptr && probe->state() == Probe::State::running)
    return probe;
  auto probe = std::make_shared<Probe>(context, workload, bucket);
  bucket->probe = probe;
  running_.push_back(probe);
  probe->step();
  return probe;
}

void Probes::wake() {
  for (std::size_t i = 0; i < running_.size(); ++i) {
    const std::shared_ptr<Probe> probe = running_[i];
    if (probe->waits_for_socket_) probe->step();
  }
}

void Probes::sweep(Nanoseconds now) {
  for (std::size_t i = 0; i < running_.size(); ++i) {
    const std::shared_ptr<Probe> probe = running_[i];
    const Nanoseconds deadline = probe->connector_.deadline();
    if (probe->state() == Probe::State::running && deadline != 0 && now >= deadline) probe->expire();
  }
  std::erase_if(running_, [](const auto& probe) { return probe->state() != Probe::State::running; });
}

void Prober::start(ThreadContext& context, const Workload& workload,
                   const std::shared_ptr<UpstreamBucket>& bucket, StreamUser& user) {
  const Nanoseconds now = context.clock.now();
  if (bucket->proof != nullptr && now < bucket->proof->valid_until) proof_ = bucket->proof;
  if (proof_ != nullptr && proof_->valid_until - now > context.settings.proof_time / 2) return;
  auto probe = context.probes.ask(context, workload, bucket);
  if (proof_ != nullptr) return;  // renewed for those who come later
  probe_ = std::move(probe);
  if (probe_->state() != Probe::State::running) return;
  user_ = &user;
  probe_->add(user);
}

Prober::Progress Prober::step() {
  if (proof_ != nullptr) return Progress::proved;
  switch (probe_->state()) {
    case Probe::State::running:
      return Progress::waiting;
    case Probe::State::proved:
      proof_ = probe_->proof();
      return Progress::proved;
    case Probe::State::failed:
      break;
  }
  return Progress::failed;
}

void Prober::cancel() {
  if (user_ != nullptr) probe_->remove(*user_);
  user_ = nullptr;
}

}  // namespace callgate::proxy
