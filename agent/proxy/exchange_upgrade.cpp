// A connection that stops being HTTP: WebSocket and other upgrades. The call goes on until the connection
// ends.
#include "protocol/http1/upgrade.hpp"
#include "protocol/http1/writer.hpp"
#include "proxy/exchange.hpp"

namespace callgate::proxy {

bool Exchange::accept_upgrade(const http1::ResponseHead& head) {
  const std::string_view protocol = http1::accepted_upgrade(head);
  if (!http1::offers(offer_, protocol)) {
    upstream_failed(
        {502, "unexpected_upgrade", "the target changed the protocol to one that it was not asked for"});
    return false;
  }
  end_.status = head.status;
  upgrading_ = true;
  http1::append_upgrade_head(context_.text, head, protocol);
  return true;
}

bool Exchange::begin_upgrade() {
  tunnel_.emplace(*session_, record_, *upstream_->stream, end_, limits_, Tunnel::Payload::recorded, false);
  phase_ = Phase::upgraded;
  tunnel_->begin_with(answer_.bytes());
  answer_.clear();
  return false;
}

Exchange::Progress Exchange::relay_upgraded() {
  switch (tunnel_->step()) {
    case Tunnel::Progress::waiting:
      return Progress::waiting;
    case Tunnel::Progress::again:
      return Progress::again;
    case Tunnel::Progress::ended:
      break;
  }
  const Tunnel::Ending ending = tunnel_->ending();
  if (ending.reset) {
    upstream_->stream->reset_on_close();
    abort(ending.outcome, ending.code, ending.detail);
  } else if (close_record(ending.outcome, ending.code, ending.detail)) {
    end(Progress::close);
  } else {
    return wait_for_ring();
  }
  return phase_ == Phase::ended ? result_ : Progress::waiting;
}

bool Exchange::policy_changed() {
  if (phase_ == Phase::none || phase_ == Phase::flushing || phase_ == Phase::ended) return false;
  if (phase_ != Phase::upgraded) {
    // A call that was allowed is let through, unless its target is not to be called at all any more.
    if (refusal_ || !session_->forbidden(name_.host)) return false;
    if (upstream_ != nullptr) upstream_->stream->reset_on_close();
    fail({403, "policy_changed", "the policies changed, and do not have the target of the call any more"},
         record::Outcome::interrupted);
    return true;
  }
  session_->refresh();
  if (session_->selection().mode() != policy::Mode::enforce) return false;
  const policy::Decision now = ask({});
  if (now.verdict == policy::Verdict::allow && now.upstream != nullptr) return false;
  upstream_->stream->reset_on_close();
  abort(record::Outcome::interrupted, "policy_changed",
        "the policies changed, and do not allow the call any more");
  return true;
}

}  // namespace callgate::proxy
