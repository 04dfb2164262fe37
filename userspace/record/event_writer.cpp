#include "record/event_writer.hpp"

#include <algorithm>
#include <cstring>
#include <functional>

namespace callgate::record {
namespace {

constexpr std::size_t smallest_piece = 4096;
constexpr std::size_t largest_piece = 64U << 10U;

// Cuts `text` to `limit` bytes, at the start of a UTF-8 sequence, and says in the header that it did.
std::string_view cut(std::string_view text, std::size_t limit, EventHeader& header) {
  if (text.size() <= limit) return text;
  header.flags |= text_truncated;
  std::size_t size = limit;
  while (size > limit - 4 && (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80U)
    --size;
  return text.substr(0, size);
}

// Cuts `text`, notes its size in the event, and returns it.
std::string_view fit(std::string_view text, std::size_t limit, EventHeader& header, std::uint16_t& size) {
  const std::string_view fitted = cut(text, limit, header);
  size = static_cast<std::uint16_t>(fitted.size());
  return fitted;
}

template <typename Event, typename... Parts>
bool write(RingWriter& ring, Event& event, EventType type, const Parts&... parts) {
  const std::size_t content = sizeof(Event) + (std::size_t{0} + ... + parts.size());
  const std::size_t size = (content + 7U) & ~std::size_t{7};
  std::uint8_t* place = ring.reserve(size);
  if (place == nullptr) return false;
  event.header.size = static_cast<std::uint32_t>(size);
  event.header.type = type;
  std::memcpy(place, &event, sizeof(Event));
  std::uint8_t* next = place + sizeof(Event);
  [[maybe_unused]] const auto append = [&next](const auto& part) {
    if (!part.empty()) std::memcpy(next, part.data(), part.size());
    next += part.size();
  };
  (append(parts), ...);
  std::memset(next, 0, size - content);
  ring.commit();
  return true;
}

}  // namespace

EventWriter::EventWriter(RingWriter& ring)
    : ring_(ring), headroom_(std::min<std::size_t>(ring.capacity() / 8, 256U << 10U)) {}

bool EventWriter::has_room(std::size_t payload) {
  constexpr std::size_t largest_opening =
      sizeof(CallOpened) + function_limit + host_limit + 2 * (policy_limit + rule_limit + reason_limit);
  const std::size_t needed = largest_opening + payload;
  // An event that does not fit before the end of the ring leaves that end empty.
  return ring_.room() >= headroom_ + needed + std::min(needed, largest_piece);
}

bool EventWriter::session_opened(SessionOpened event) {
  if (!has_room()) return false;
  event.header.flags = 0;
  return write(ring_, event, EventType::session_opened);
}

bool EventWriter::call_opened(CallOpened event, const CallOpenedText& text) {
  if (!has_room()) return false;
  event.header.flags = 0;
  const auto function = fit(text.function, function_limit, event.header, event.function_size);
  const auto host = fit(text.host, host_limit, event.header, event.host_size);
  const auto policy = fit(text.policy, policy_limit, event.header, event.policy_size);
  const auto rule = fit(text.rule, rule_limit, event.header, event.rule_size);
  const auto reason = fit(text.reason, reason_limit, event.header, event.reason_size);
  const auto trial_policy = fit(text.trial_policy, policy_limit, event.header, event.trial_policy_size);
  const auto trial_rule = fit(text.trial_rule, rule_limit, event.header, event.trial_rule_size);
  const auto trial_reason = fit(text.trial_reason, reason_limit, event.header, event.trial_reason_size);
  return write(ring_, event, EventType::call_opened, function, host, policy, rule, reason, trial_policy,
               trial_rule, trial_reason);
}

bool EventWriter::call_decided(CallDecided event, const CallDecidedText& text) {
  event.header.flags = 0;
  const auto policy = fit(text.policy, policy_limit, event.header, event.policy_size);
  const auto rule = fit(text.rule, rule_limit, event.header, event.rule_size);
  const auto reason = fit(text.reason, reason_limit, event.header, event.reason_size);
  const auto trial_policy = fit(text.trial_policy, policy_limit, event.header, event.trial_policy_size);
  const auto trial_rule = fit(text.trial_rule, rule_limit, event.header, event.trial_rule_size);
  const auto trial_reason = fit(text.trial_reason, reason_limit, event.header, event.trial_reason_size);
  return write(ring_, event, EventType::call_decided, policy, rule, reason, trial_policy, trial_rule,
               trial_reason);
}

bool EventWriter::call_upstream(CallUpstream event, const CallUpstreamText& text) {
  event.header.flags = 0;
  const auto version = fit(text.tls_version, tls_version_limit, event.header, event.tls_version_size);
  const auto cipher = fit(text.cipher, cipher_limit, event.header, event.cipher_size);
  const auto subject = fit(text.subject, subject_limit, event.header, event.subject_size);
  const auto spiffe_id = fit(text.spiffe_id, spiffe_id_limit, event.header, event.spiffe_id_size);
  const Bytes digest = text.digest.size() == digest_size ? text.digest : Bytes();
  event.digest_size = static_cast<std::uint16_t>(digest.size());
  const auto protocol = fit(text.application_protocol, application_protocol_limit, event.header,
                            event.application_protocol_size);
  return write(ring_, event, EventType::call_upstream, version, cipher, subject, spiffe_id, digest, protocol);
}

bool EventWriter::call_client(CallClient event, const CallClientText& text) {
  event.header.flags = 0;
  const auto name = fit(text.server_name, host_limit, event.header, event.server_name_size);
  const auto versions = fit(text.versions, client_versions_limit, event.header, event.versions_size);
  const auto protocols = fit(text.protocols, client_protocols_limit, event.header, event.protocols_size);
  return write(ring_, event, EventType::call_client, name, versions, protocols);
}

std::span<std::uint8_t> EventWriter::lend(std::size_t size) {
  lent_ = {};
  const std::size_t needed = sizeof(Payload) + size;
  // Where it does not fit before the end of the ring, that end stays empty.
  if (size < smallest_piece || needed > ring_.free_space() || ring_.room() < headroom_ + 2 * needed)
    return {};
  std::uint8_t* const place = ring_.reserve(needed);
  if (place == nullptr) return {};
  lent_ = {place + sizeof(Payload), size};
  lent_as_ = ring_.reservations();
  return lent_;
}

bool EventWriter::is_lent(Bytes bytes) const {
  const std::less_equal<> before;
  return !lent_.empty() && before(lent_.data(), bytes.data()) &&
         before(bytes.data(), lent_.data() + lent_.size() - 1);
}

std::size_t EventWriter::write_lent(Payload event, Bytes bytes) {
  const bool lost = bytes.data() != lent_.data() || ring_.reservations() != lent_as_;
  std::uint8_t* const place = lent_.data() - sizeof(Payload);
  lent_ = {};
  if (lost) return 0;
  const std::size_t content = sizeof(Payload) + bytes.size();
  const std::size_t size = (content + 7U) & ~std::size_t{7};
  event.payload_size = static_cast<std::uint32_t>(bytes.size());
  event.header.size = static_cast<std::uint32_t>(size);
  event.header.type = EventType::payload;
  std::memcpy(place, &event, sizeof(Payload));
  std::memset(place + content, 0, size - content);
  ring_.shrink(size);
  ring_.commit();
  return bytes.size();
}

std::size_t EventWriter::payload(Payload event, Bytes bytes) {
  std::size_t taken = 0;
  event.header.flags = 0;
  if (is_lent(bytes)) return write_lent(event, bytes);
  while (taken < bytes.size()) {
    const std::size_t room = ring_.room();
    const std::size_t left = bytes.size() - taken;
    if (room < headroom_ + sizeof(Payload) + std::min(left, smallest_piece)) break;
    // Near the end of the ring a large piece may not fit where a smaller one does.
    const std::size_t usable = std::min({room - headroom_, ring_.free_space(), largest_piece});
    if (usable <= sizeof(Payload)) break;
    const std::size_t piece = std::min(left, usable - sizeof(Payload));
    event.payload_size = static_cast<std::uint32_t>(piece);
    if (!write(ring_, event, EventType::payload, bytes.subspan(taken, piece))) break;
    taken += piece;
  }
  return taken;
}

bool EventWriter::call_closed(CallClosed event, const ErrorText& error) {
  event.header.flags = 0;
  const auto code = fit(error.code, error_code_limit, event.header, event.error_code_size);
  const auto detail = fit(error.detail, error_detail_limit, event.header, event.error_detail_size);
  return write(ring_, event, EventType::call_closed, code, detail);
}

bool EventWriter::session_closed(SessionClosed event, const ErrorText& error) {
  event.header.flags = 0;
  const auto code = fit(error.code, error_code_limit, event.header, event.error_code_size);
  const auto detail = fit(error.detail, error_detail_limit, event.header, event.error_detail_size);
  return write(ring_, event, EventType::session_closed, code, detail);
}

bool EventWriter::gap(Gap event) {
  if (!has_room()) return false;
  event.header.flags = 0;
  return write(ring_, event, EventType::gap);
}

}  // namespace callgate::record
