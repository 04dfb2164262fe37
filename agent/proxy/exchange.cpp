#include "proxy/exchange.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "protocol/http1/upgrade.hpp"
#include "protocol/http1/writer.hpp"

namespace callgate::proxy {
namespace {

// A call that no policy was asked about.
policy::Decision undecided(std::string_view reason, const policy::Selection& selection) {
  policy::Decision decision;
  decision.reason = reason;
  decision.record = selection.record();
  return decision;
}

std::string denial(const policy::Decision& decision, const NamedCall& call) {
  if (decision.policy.empty()) return fmt::format("no policy allows {}", call.function);
  if (decision.rule.empty())
    return fmt::format("policy {} does not allow {}", decision.policy, call.function);
  if (decision.needs_approval)
    return fmt::format(
        "rule {} of policy {} asks for approval of {}, which this version of callgate cannot get",
        decision.rule, decision.policy, call.function);
  if (!decision.fault.empty())
    return fmt::format("rule {} of policy {} cannot be decided for {}: {}", decision.rule, decision.policy,
                       call.function, decision.fault);
  return fmt::format("rule {} of policy {} denies {}", decision.rule, decision.policy, call.function);
}

// The first word of what is no request, if it could be a method.
std::string_view method_of(std::string_view raw) {
  constexpr std::size_t longest = 32;
  const std::size_t end = std::min(raw.find(' '), longest + 1);
  if (end == 0 || end > longest || end > raw.size()) return "?";
  const bool plain = std::all_of(raw.begin(), raw.begin() + static_cast<std::ptrdiff_t>(end), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-';
  });
  return plain ? raw.substr(0, end) : "?";
}

}  // namespace

Exchange::Exchange(ThreadContext& context)
    : context_(context),
      requests_(context.settings.request),
      responses_(context.settings.response),
      record_(context),
      limits_(context.limits) {}

Exchange::~Exchange() = default;

void Exchange::begin(Session& session, std::string_view raw) {
  const http1::RequestHead& head = requests_.head();
  session_ = &session;
  record_.begin(context_.ids.next(), {});
  policy_ = session.policy();
  raw_head_.assign(raw);
  method_.assign(head.method);
  client_minor_ = head.minor_version;
  keep_alive_ = head.keep_alive;
  request_framing_ = head.framing;
  request_known_ = true;
  offer_ = http1::upgrade_offer(head);
  append_request_head(request_out_, head, offer_);
  awaits_go_ = head.expect_continue;
  end_.opened_at = context_.clock.now();
  request_moved_ = response_moved_ = flushed_ = end_.opened_at;
  decide(head);
  phase_ = decision_.needs_body ? Phase::holding : Phase::opening;
}

void Exchange::head_consumed() {
  if (request_framing_ != http1::Framing::none) return;
  // Without a body the end takes no bytes.
  request_done_ = requests_.step(session_->input().bytes()).event == http1::Event::end;
}

void Exchange::begin_refused(Session& session, std::string_view raw, const http1::Problem& problem) {
  session_ = &session;
  record_.begin(context_.ids.next(), {});
  policy_ = session.policy();
  raw_head_.assign(raw.substr(0, context_.settings.request.head_bytes));
  method_.assign(method_of(raw));
  name_.host.clear();
  name_.function.assign("http:").append(method_).append(" ?");
  refusal_ = Failure{problem.status, std::string(problem.code), std::string(problem.detail)};
  refusal_outcome_ = record::Outcome::refused;
  decision_ = undecided(problem.code, session.selection());
  end_.opened_at = context_.clock.now();
  request_moved_ = response_moved_ = flushed_ = end_.opened_at;
  phase_ = Phase::opening;
}

void Exchange::decide(const http1::RequestHead& head) {
  const kernel::Flow& flow = session_->flow();
  refusal_outcome_ = record::Outcome::refused;
  refusal_ = NameStage::run(head, flow, name_);
  if (refusal_) {
    // The text is the refusal's, which lives as long as the call.
    decision_ = undecided(refusal_->code, session_->selection());
  } else {
    const bool has_body = head.framing != http1::Framing::none;
    judge(DecisionStage::run(*session_, name_, head,
                             {has_body ? policy::Body::State::pending : policy::Body::State::none, {}}));
  }
}

void Exchange::judge(policy::Decision decision) {
  decision_ = std::move(decision);
  if (decision_.verdict != policy::Verdict::allow || decision_.upstream == nullptr) {
    refusal_ =
        Failure{403, decision_.needs_approval ? "approval_required" : "denied", denial(decision_, name_)};
    refusal_outcome_ = record::Outcome::denied;
    return;
  }
  if (decision_.trial.needs_body) passing_.begin(context_.settings.decision_body_bytes);
  refusal_outcome_ = record::Outcome::refused;
  refusal_ = CarriageStage::run(method_);
  if (!refusal_) refusal_ = AddressStage::run(*decision_.upstream, session_->flow());
  if (refusal_ || decision_.limits.empty()) return;
  const Address& address = session_->flow().destination;
  refusal_ = limits_.begin(decision_, session_->caller(), name_.function,
                           fmt::format("{}:{}", name_.host, address.port), context_.clock.now());
  if (refusal_) refusal_outcome_ = record::Outcome::denied;
}

Exchange::Progress Exchange::step() {
  if (phase_ != Phase::ended && phase_ != Phase::upgraded && session_->client().broken()) caller_gone();
  switch (phase_) {
    case Phase::holding:
      return hold();
    case Phase::opening:
      return open();
    case Phase::syncing:
      return sync();
    case Phase::connecting:
      return connect();
    case Phase::proved:
      return record_upstream();
    case Phase::relaying:
      return relay();
    case Phase::upgraded:
      return relay_upgraded();
    case Phase::flushing:
      if (flush_client() && session_->client().blocked()) return Progress::waiting;
      phase_ = Phase::ended;
      return result_;
    case Phase::none:
    case Phase::ended:
      break;
  }
  return result_;
}

Exchange::Progress Exchange::wait_for_ring() {
  if (ring_since_ == 0) ring_since_ = context_.clock.now();
  session_->wait_for(Wait::ring);
  return Progress::waiting;
}

Exchange::Progress Exchange::open() {
  // Of a call that is refused what was held of its body is recorded too: it goes no further.
  const std::string_view held = refusal_ ? std::string_view(held_) : std::string_view{};
  record_.begin(record_.id(), decision_.record);
  if (!record_.has_room(raw_head_.size() + held.size())) return wait_for_ring();
  const bool allowed = decision_.verdict == policy::Verdict::allow && decision_.upstream != nullptr;
  const std::uint8_t tls = allowed ? static_cast<std::uint8_t>(decision_.upstream->tls) : Recorder::untouched;
  if (!record_.open(*session_, decision_, true, tls, name_.function, name_.host)) return wait_for_ring();
  ring_since_ = 0;
  opened_ = true;
  end_.request_body_size = held.size();
  if (!record_.payload(record::Direction::request, record::PayloadKind::head, raw_head_) ||
      !record_.payload(record::Direction::request, record::PayloadKind::body, held)) {
    refusal_ = Failure{503, "recording_unavailable", "the call could not be recorded"};
  }
  if (refusal_) {
    answer(*refusal_, refusal_outcome_);
    return phase_ == Phase::ended ? result_ : Progress::waiting;
  }
  phase_ = Phase::syncing;
  return sync();
}

Exchange::Progress Exchange::sync() {
  if (!record_.synced()) {
    if (sync_since_ == 0) sync_since_ = context_.clock.now();
    session_->wait_for(Wait::sync);
    return Progress::waiting;
  }
  ++context_.counters.calls_allowed;
  start_connecting(true);
  return step();
}

void Exchange::start_connecting(bool pooled) {
  const auto bucket = session_->upstream_bucket(*decision_.upstream, name_.host);
  if (!bucket) {
    answer({503, bucket.error().code, bucket.error().message}, record::Outcome::refused);
    return;
  }
  if (pooled) upstream_ = context_.pool.take(**bucket, session_->stream_user());
  if (upstream_ != nullptr) {
    phase_ = Phase::proved;
    return;
  }
  connector_.start(context_, *session_->workload(), *bucket, session_->stream_user());
  phase_ = Phase::connecting;
}

Exchange::Progress Exchange::connect() {
  switch (connector_.step()) {
    case Connector::Progress::waiting_for_socket:
      session_->wait_for(Wait::sockets);
      return Progress::waiting;
    case Connector::Progress::waiting:
      return Progress::waiting;
    case Connector::Progress::ready:
      end_.connected_at = connector_.connected_at();
      end_.handshaken_at = connector_.handshaken_at();
      upstream_ = connector_.take();
      phase_ = Phase::proved;
      return record_upstream();
    case Connector::Progress::failed:
      break;
  }
  if (const UpstreamConnection* shown = connector_.failed_connection();
      shown != nullptr && shown->stream->is_tls()) {
    // What the target showed instead of a proof. Without space for it the refusal says enough.
    (void)record_.upstream(shown->facts());
  }
  fail(connector_.failure(), record::Outcome::refused);
  return phase_ == Phase::ended ? result_ : Progress::waiting;
}

Exchange::Progress Exchange::record_upstream() {
  if (!record_.upstream(upstream_->facts())) return wait_for_ring();
  ring_since_ = 0;
  if (!expected_) responses_.expect(method_);
  expected_ = true;
  request_moved_ = response_moved_ = context_.clock.now();
  phase_ = Phase::relaying;
  return relay();
}

Exchange::Limit Exchange::limit() const {
  const Settings& settings = context_.settings;
  if (ring_since_ != 0) return {Due::ring, ring_since_ + settings.record_timeout};
  switch (phase_) {
    case Phase::syncing:
      return {Due::synced, sync_since_ + settings.record_timeout};
    case Phase::connecting:
      return {Due::connector, connector_.deadline()};
    case Phase::holding:
      // From its beginning: a body that trickles does not hold memory for ever.
      return {Due::held, end_.opened_at + settings.body_timeout};
    case Phase::flushing:
      return {Due::caller_reads, flushed_ + settings.stream_timeout};
    case Phase::upgraded:
      return {tunnel_->deadline() == 0 ? Due::never : Due::tunnel, tunnel_->deadline()};
    case Phase::relaying:
      break;
    default:
      return {};
  }
  if (session_->client().blocked()) return {Due::caller_reads, flushed_ + settings.stream_timeout};
  if (response_begun_) return {Due::target_sends, response_moved_ + settings.stream_timeout};
  if (upstream_->stream->blocked()) return {Due::target_reads, request_moved_ + settings.stream_timeout};
  if (request_done_ || request_stopped_) {
    return {Due::target_begins, request_moved_ + settings.response_timeout};
  }
  return {Due::caller_sends, request_moved_ + settings.body_timeout};
}

Nanoseconds Exchange::deadline() const {
  return limit().at;
}

void Exchange::expire() {
  const Limit reached = limit();
  if (reached.due == Due::never || reached.at > context_.clock.now()) return;
  switch (reached.due) {
    case Due::ring:
      fail({503, "recording_unavailable",
            "the call cannot be recorded at present, so it is not made; try again later"},
           phase_ == Phase::relaying ? record::Outcome::failed : record::Outcome::refused);
      break;
    case Due::synced:
      fail(not_synced(), record::Outcome::refused);
      break;
    case Due::held:
      (void)refuse_held(
          {408, "body_timeout", "the request's body, which a policy asks for, did not arrive in time"});
      break;
    case Due::connector:
      connector_.expire();
      fail(connector_.failure(), record::Outcome::refused);
      break;
    case Due::caller_reads:
      abort(record::Outcome::caller_aborted, "stream_timeout", "the caller stopped reading the answer");
      break;
    case Due::caller_sends:
      fail({408, "body_timeout", "the rest of the request's body did not arrive in time"},
           record::Outcome::failed);
      break;
    case Due::target_reads:
      fail({504, "stream_timeout", "the target stopped reading the request"}, record::Outcome::failed);
      break;
    case Due::target_begins:
      fail({504, "response_timeout", "the target did not answer in time"}, record::Outcome::failed);
      break;
    case Due::target_sends:
      fail({504, "stream_timeout", "the target stopped in the middle of its answer"},
           record::Outcome::failed);
      break;
    case Due::tunnel:
      tunnel_->expire();
      break;
    case Due::never:
      break;
  }
}

void Exchange::clear() {
  tunnel_.reset();
  upstream_ = nullptr;
  connector_.cancel();
  answer_.clear();
  policy_ = nullptr;
  session_ = nullptr;
  refusal_.reset();
  ending_ = {};
  end_ = {};
  // After anything but a whole message the readers are in the middle of one.
  if (result_ != Progress::keep || phase_ != Phase::ended) {
    requests_ = http1::RequestReader(context_.settings.request);
  }
  if (expected_) responses_ = http1::ResponseReader(context_.settings.response);
  request_out_.clear();
  limits_.clear();
  forget_held();
  passing_.clear();
  record_.begin({}, {});
  ring_since_ = 0;
  sync_since_ = 0;
  answer_bytes_ = 0;
  interim_answers_ = 0;
  phase_ = Phase::none;
  result_ = Progress::close;
  awaits_go_ = keep_alive_ = request_known_ = request_done_ = request_sent_ = request_stopped_ = body_seen_ =
      false;
  response_begun_ = response_chunked_ = response_keep_ = upgrading_ = announced_close_ = expected_ = opened_ =
      false;
}

}  // namespace callgate::proxy
