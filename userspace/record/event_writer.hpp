// Writes events with their variable parts into a ring. Fills in sizes and types; cuts texts to their limits.
//
// Every method returns without waiting. Where the ring is too full nothing is written: the caller waits (a
// few ms), slows its peer down, or refuses the call. Events that open something and payload leave a part of
// the ring free, so that what is open can still be closed.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "base/bytes.hpp"
#include "record/event.hpp"
#include "record/ring.hpp"

namespace callgate::record {

struct CallOpenedText {
  std::string_view function;
  std::string_view host;
  std::string_view policy;
  std::string_view rule;
  std::string_view reason;
  std::string_view trial_policy = {};
  std::string_view trial_rule = {};
  std::string_view trial_reason = {};
};

struct CallDecidedText {
  std::string_view policy;
  std::string_view rule;
  std::string_view reason;
  std::string_view trial_policy = {};
  std::string_view trial_rule = {};
  std::string_view trial_reason = {};
};

struct CallUpstreamText {
  std::string_view tls_version;
  std::string_view cipher;
  std::string_view subject;
  std::string_view spiffe_id;
  Bytes digest;  // SHA-256 of the certificate, 32 bytes or none
  std::string_view application_protocol = {};
};

struct CallClientText {
  std::string_view server_name;
  std::string_view versions;
  std::string_view protocols;
};

struct ErrorText {
  std::string_view code;
  std::string_view detail;
};

// Belongs to the ring's thread; `ring` outlives it. The header's time_ns is the caller's; size, type, flags
// and the sizes of texts are set here.
class EventWriter {
 public:
  explicit EventWriter(RingWriter& ring);

  [[nodiscard]] bool session_opened(SessionOpened event);
  [[nodiscard]] bool call_opened(CallOpened event, const CallOpenedText& text);
  [[nodiscard]] bool call_decided(CallDecided event, const CallDecidedText& text);
  [[nodiscard]] bool call_upstream(CallUpstream event, const CallUpstreamText& text);
  [[nodiscard]] bool call_client(CallClient event, const CallClientText& text);
  // Space in the ring for up to `size` bytes of payload that are still to come, so that payload() need not
  // copy them; nothing where that does not pay, or the ring is too full. The next event of any kind takes the
  // space, and what is in it then is lost.
  [[nodiscard]] std::span<std::uint8_t> lend(std::size_t size);
  // Writes as much of `bytes` as there is room for, in several events if need be, and returns how much that
  // was. Bytes in the space of lend() must be its first ones; where it is lost, nothing is written.
  [[nodiscard]] std::size_t payload(Payload event, Bytes bytes);
  [[nodiscard]] bool call_closed(CallClosed event, const ErrorText& error);
  [[nodiscard]] bool session_closed(SessionClosed event, const ErrorText& error);
  [[nodiscard]] bool gap(Gap event);

  // Whether a call could be opened now with about `payload` bytes to follow at once.
  [[nodiscard]] bool has_room(std::size_t payload = 0);

 private:
  [[nodiscard]] bool is_lent(Bytes bytes) const;
  [[nodiscard]] std::size_t write_lent(Payload event, Bytes bytes);

  RingWriter& ring_;
  std::size_t headroom_;
  std::span<std::uint8_t> lent_;
  std::uint64_t lent_as_ = 0;  // which reservation of the ring's
};

}  // namespace callgate::record
