#include "record/event_parse.hpp"

#include <atomic>
#include <cstring>

#include <fmt/format.h>

namespace callgate::record {
namespace {

// A copy that is made once: what it comes from may be changing, and nothing after this looks at it again.
template <typename Value>
Value copy_of(Bytes bytes) {
  Value value{};
  std::memcpy(&value, bytes.data(), sizeof(value));
  std::atomic_signal_fence(std::memory_order_seq_cst);
  return value;
}

// The variable parts of one event, taken in order.
template <typename Event>
class Parts {
 public:
  explicit Parts(Bytes bytes) : fits_(bytes.size() >= sizeof(Event)) {
    if (!fits_) return;
    event = copy_of<Event>(bytes);
    rest_ = bytes.subspan(sizeof(Event));
  }

  Bytes take(std::size_t size, std::size_t limit) {
    if (size > limit) within_limits_ = false;
    if (size > rest_.size()) fits_ = false;
    if (!fits_ || !within_limits_) return {};
    const Bytes part = rest_.first(size);
    rest_ = rest_.subspan(size);
    return part;
  }
  std::string_view take_text(std::size_t size, std::size_t limit) { return as_text(take(size, limit)); }

  // Whether all parts were there, and nothing but padding follows them.
  [[nodiscard]] Result<void> check(bool values_known) const {
    if (!fits_ || (within_limits_ && rest_.size() >= 8)) {
      return make_error("event_size", "the parts of an event do not add up to its size");
    }
    if (!within_limits_) return make_error("event_text", "a text of an event is longer than its limit");
    if (!values_known) return make_error("event_value", "an event holds a value that has no meaning");
    return {};
  }

  Event event{};

 private:
  Bytes rest_;
  bool fits_;
  bool within_limits_ = true;
};

bool known(Outcome outcome) {
  return outcome <= Outcome::interrupted;
}

Result<EventView> parse_session_opened(Bytes bytes) {
  const Parts<SessionOpened> parts(bytes);
  CALLGATE_TRY(parts.check(parts.event.destination_v6 <= 1 && parts.event.enforced <= 1));
  return EventView(parts.event);
}

Result<EventView> parse_call_opened(Bytes bytes) {
  Parts<CallOpened> parts(bytes);
  const CallOpened& event = parts.event;
  CallOpenedText text;
  text.function = parts.take_text(event.function_size, function_limit);
  text.host = parts.take_text(event.host_size, host_limit);
  text.policy = parts.take_text(event.policy_size, policy_limit);
  text.rule = parts.take_text(event.rule_size, rule_limit);
  text.reason = parts.take_text(event.reason_size, reason_limit);
  text.trial_policy = parts.take_text(event.trial_policy_size, policy_limit);
  text.trial_rule = parts.take_text(event.trial_rule_size, rule_limit);
  text.trial_reason = parts.take_text(event.trial_reason_size, reason_limit);
  CALLGATE_TRY(parts.check(event.verdict <= Verdict::deny && event.enforced <= 1 &&
                           (event.upstream_tls <= 3 || event.upstream_tls == 255) &&
                           event.durability <= CallDurability::synced));
  return EventView(CallOpenedView{event, text});
}

Result<EventView> parse_call_decided(Bytes bytes) {
  Parts<CallDecided> parts(bytes);
  const CallDecided& event = parts.event;
  CallDecidedText text;
  text.policy = parts.take_text(event.policy_size, policy_limit);
  text.rule = parts.take_text(event.rule_size, rule_limit);
  text.reason = parts.take_text(event.reason_size, reason_limit);
  text.trial_policy = parts.take_text(event.trial_policy_size, policy_limit);
  text.trial_rule = parts.take_text(event.trial_rule_size, rule_limit);
  text.trial_reason = parts.take_text(event.trial_reason_size, reason_limit);
  CALLGATE_TRY(parts.check(event.verdict <= Verdict::deny));
  return EventView(CallDecidedView{event, text});
}

Result<EventView> parse_call_upstream(Bytes bytes) {
  Parts<CallUpstream> parts(bytes);
  const CallUpstream& event = parts.event;
  CallUpstreamText text;
  text.tls_version = parts.take_text(event.tls_version_size, tls_version_limit);
  text.cipher = parts.take_text(event.cipher_size, cipher_limit);
  text.subject = parts.take_text(event.subject_size, subject_limit);
  text.spiffe_id = parts.take_text(event.spiffe_id_size, spiffe_id_limit);
  text.digest = parts.take(event.digest_size, digest_size);
  text.application_protocol = parts.take_text(event.application_protocol_size, application_protocol_limit);
  const bool digest_known = event.digest_size == 0 || event.digest_size == digest_size;
  CALLGATE_TRY(parts.check(digest_known && event.upstream_v6 <= 1 && event.tls <= 1 && event.verified <= 1 &&
                           event.resumed <= 1 && event.reused <= 1 && event.client_certificate <= 1 &&
                           event.probed <= 1));
  return EventView(CallUpstreamView{event, text});
}

Result<EventView> parse_call_client(Bytes bytes) {
  Parts<CallClient> parts(bytes);
  const CallClient& event = parts.event;
  CallClientText text;
  text.server_name = parts.take_text(event.server_name_size, host_limit);
  text.versions = parts.take_text(event.versions_size, client_versions_limit);
  text.protocols = parts.take_text(event.protocols_size, client_protocols_limit);
  CALLGATE_TRY(parts.check(event.encrypted_hello <= 1));
  return EventView(CallClientView{event, text});
}

Result<EventView> parse_gap(Bytes bytes) {
  const Parts<Gap> parts(bytes);
  const Gap& event = parts.event;
  const bool lost = event.lost_calls != 0 || event.lost_events != 0 || event.lost_bytes != 0;
  CALLGATE_TRY(parts.check(lost && event.lost_calls <= event.lost_events));
  return EventView(event);
}

template <typename Event, typename View>
Result<EventView> parse_closed(Bytes bytes) {
  Parts<Event> parts(bytes);
  ErrorText error;
  error.code = parts.take_text(parts.event.error_code_size, error_code_limit);
  error.detail = parts.take_text(parts.event.error_detail_size, error_detail_limit);
  CALLGATE_TRY(parts.check(known(parts.event.outcome)));
  return EventView(View{parts.event, error});
}

}  // namespace

std::size_t event_size(Bytes bytes) {
  if (bytes.size() < sizeof(EventHeader)) return 0;
  const auto size = copy_of<decltype(EventHeader::size)>(bytes);
  return size >= sizeof(EventHeader) && size % 8 == 0 && size <= bytes.size() ? size : 0;
}

EventType event_type(Bytes bytes) {
  return copy_of<EventType>(bytes.subspan(offsetof(EventHeader, type)));
}

Result<EventView> parse_payload(Bytes bytes) {
  Parts<Payload> parts(bytes);
  const Bytes content = parts.take(parts.event.payload_size, bytes.size());
  CALLGATE_TRY(
      parts.check(parts.event.direction <= Direction::response && parts.event.kind <= PayloadKind::stream));
  return EventView(PayloadView{parts.event, content});
}

Result<EventView> parse_event(Bytes bytes) {
  if (event_size(bytes) != bytes.size() || bytes.empty()) {
    return make_error("event_size", "the size of an event makes no sense");
  }
  const EventType type = event_type(bytes);
  switch (type) {
    case EventType::session_opened:
      return parse_session_opened(bytes);
    case EventType::call_opened:
      return parse_call_opened(bytes);
    case EventType::call_upstream:
      return parse_call_upstream(bytes);
    case EventType::call_client:
      return parse_call_client(bytes);
    case EventType::payload:
      return parse_payload(bytes);
    case EventType::call_closed:
      return parse_closed<CallClosed, CallClosedView>(bytes);
    case EventType::session_closed:
      return parse_closed<SessionClosed, SessionClosedView>(bytes);
    case EventType::call_decided:
      return parse_call_decided(bytes);
    case EventType::gap:
      return parse_gap(bytes);
    case EventType::padding:
      break;
  }
  return make_error("event_unknown",
                    fmt::format("an event of the unknown type {}", static_cast<unsigned>(type)));
}

}  // namespace callgate::record
