#include "proxy/session.hpp"

#include "base/log.hpp"
#include "proxy/detection.hpp"
#include "proxy/observed_relay.hpp"

namespace callgate::proxy {
namespace {

// How long a flow waits for the name of its process before it counts as unknown.
constexpr Nanoseconds process_wait = 1000 * nanoseconds_per_millisecond;

}  // namespace

Session::Session(ThreadContext& context, const kernel::Flow& flow, std::shared_ptr<Workload> workload)
    : context_(context),
      id_(context.ids.next()),
      flow_(flow),
      workload_(std::move(workload)),
      accepted_at_(context.clock.now()) {}

Session::~Session() = default;

void Session::start(Fd socket) {
  auto stream = Stream::make(context_.poller, std::move(socket), *this);
  if (!stream) {
    finish(record::Outcome::failed, stream.error().code, stream.error().message, true);
    return;
  }
  client_ = std::move(*stream);
  context_.stock.prepare(workload_->netns_cookie(), flow_.destination.v6, context_.clock.now());
  learn_process();
}

void Session::refuse(Fd socket, std::string_view code, std::string_view detail) {
  const linger hard{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
  socket.reset();
  ++context_.counters.calls_refused;
  // For callgated, which keeps the answer for the flow's record.
  (void)context_.processes.look_up(flow_);
  finish(record::Outcome::refused, code, detail);
}

policy::Caller Session::caller() const {
  return {workload_->name(), workload_->spiffe_id(), process_};
}

// Decisions wait for the process only where they depend on it, but callgated is always asked at once: the
// sooner it looks, the surer the process is still there.
void Session::learn_process() {
  const auto& answer = context_.processes.look_up(flow_);
  const bool late = context_.clock.now() >= accepted_at_ + process_wait;
  const bool needed = context_.policy->engine->needs_process(workload_->name(), workload_->spiffe_id());
  if (!answer.known && needed && !late) {
    wait_for(Wait::process);
    deadline_ = accepted_at_ + process_wait;
    return;
  }
  process_ = answer.path;
  refresh();
  open();
}

bool Session::refresh() {
  bool changed = policy_ != context_.policy;
  if (identities_version_ != context_.workloads.version()) {
    changed = true;
    identities_version_ = context_.workloads.version();
    // A workload that is gone keeps, on flows that it still has, the identity it had.
    if (auto current = context_.workloads.find(workload_->id())) workload_ = std::move(current);
  }
  if (process_.empty()) {
    process_ = context_.processes.look_up(flow_).path;
    changed = changed || !process_.empty();
  }
  if (!changed) return false;
  const bool first = policy_ == nullptr;
  const policy::Mode before = selection_.mode();
  policy_ = context_.policy;
  selection_ = policy_->engine->select(caller());
  return !first && selection_.mode() != before;
}

bool Session::forbidden(std::string_view host) const {
  const policy::Engine& engine = *context_.policy->engine;
  const policy::Selection selection = engine.select(caller());
  return selection.mode() == policy::Mode::enforce &&
         !engine.has_target(selection, host, flow_.destination.port, &flow_.destination);
}

void Session::open() {
  // Where there is no space yet, calls see to it, as their policies want it.
  (void)record_opened();
  deadline_ = 0;
  phase_ = Phase::talking;
  change_conversation();
  step();
}

bool Session::record_opened() {
  if (!opened_) {
    opened_ = context_.recorder.session_opened(id_, flow_, selection_.mode() == policy::Mode::enforce);
  }
  return opened_;
}

void Session::change_conversation() {
  if (selection_.mode() == policy::Mode::enforce) {
    hand_over(std::make_unique<Detection>(*this));
  } else {
    hand_over(std::make_unique<ObservedRelay>(*this));
  }
}

void Session::hand_over(std::unique_ptr<Conversation> next) {
  retired_ = std::move(conversation_);
  conversation_ = std::move(next);
}

Result<std::shared_ptr<UpstreamBucket>> Session::upstream_bucket(const policy::Upstream& upstream,
                                                                 std::string_view host,
                                                                 const std::vector<std::string>& protocols) {
  std::shared_ptr<transport::TlsClient> tls;
  if (upstream.tls != policy::TlsRequirement::plaintext) {
    auto client = workload_->tls_client();
    if (!client) return client.error();
    tls = std::move(*client);
  }
  Address address = flow_.destination;
  if (upstream.port != 0) address.port = upstream.port;
  bucket = context_.pool.bucket(bucket, workload_->id(), tls, address, upstream, host, protocols);
  return bucket;
}

void Session::step() {
  wait_ = Wait::none;
  switch (phase_) {
    case Phase::process:
      learn_process();
      break;
    case Phase::talking:
      conversation_->step();
      after_conversation();
      break;
    case Phase::closing:
      close();
      break;
    case Phase::finished:
      break;
  }
}

void Session::after_conversation() {
  if (retired_ != nullptr) {
    retired_ = nullptr;
    if (phase_ == Phase::talking) run_again();
  }
  input_.keep();
}

void Session::expire() {
  switch (phase_) {
    case Phase::process:
      learn_process();
      break;
    case Phase::talking:
      conversation_->expire();
      after_conversation();
      break;
    case Phase::closing:
    case Phase::finished:
      deadline_ = 0;
      break;
  }
}

void Session::drain() {
  if (phase_ != Phase::talking) return;
  conversation_->drain();
  after_conversation();
}

void Session::policy_changed() {
  if (phase_ != Phase::talking) return;
  conversation_->policy_changed();
  after_conversation();
}

void Session::abandon(std::string_view code, std::string_view detail) {
  if (phase_ == Phase::talking) conversation_->abandon(code, detail);
  if (phase_ != Phase::closing && phase_ != Phase::finished)
    finish(record::Outcome::interrupted, code, detail, true);
}

void Session::wait_for(Wait wait) {
  wait_ = wait;
  if (wait == Wait::ring) context_.ring_wanted = true;
  if (wait == Wait::sync) context_.sync_wanted = true;
}

void Session::run_again() {
  if (runnable_) return;
  runnable_ = true;
  context_.runnable.push_back(this);
}

void Session::finish(record::Outcome outcome, std::string_view code, std::string_view detail, bool reset) {
  if (phase_ == Phase::closing || phase_ == Phase::finished) return;
  outcome_ = outcome;
  code_ = code;
  detail_ = detail;
  deadline_ = 0;
  bucket = nullptr;
  phase_ = Phase::closing;
  if (client_ != nullptr) {
    received_ = client_->bytes_read();
    sent_ = client_->bytes_written();
    if (reset) client_->reset_on_close();
    client_ = nullptr;
  }
  close();
}

// The record of a flow is not given up: until there is space for it, the session stays, and counts as a
// connection. Unless nothing of it is in the record, and nothing has to be.
void Session::close() {
  if (record_opened()) {
    if (!context_.recorder.session_closed(id_, received_, sent_, calls_, outcome_, code_, detail_)) {
      wait_for(Wait::ring);
      return;
    }
  } else if (gap_ || selection_.record().durability == policy::Durability::async) {
    context_.lose(flow_.workload, {.events = 1});
  } else {
    wait_for(Wait::ring);
    return;
  }
  log_debug("session_closed", {{"session", to_string(id_)},
                               {"workload", workload_ != nullptr ? workload_->name() : std::string()},
                               {"calls", std::to_string(calls_)},
                               {"code", code_}});
  phase_ = Phase::finished;
  context_.finished.push_back(this);
}

}  // namespace callgate::proxy
