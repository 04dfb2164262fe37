// The events that a proxy thread writes into its ring: fixed layouts, host byte order, no pointers.
//
// An event is an EventHeader followed by its fixed part and then by variable bytes whose lengths the fixed
// part gives, in the order of the length fields. callgated copies an event out of the ring before it looks at
// it, all but the bytes of payload, and believes nothing: every length is checked against the event's size,
// every string against its limit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "base/ids.hpp"

namespace callgate::record {

enum class EventType : std::uint16_t {
  padding = 0,         // fills the end of the ring; no content
  session_opened = 1,  // a flow was accepted
  call_opened = 2,     // decided, and (if allowed) about to go upstream
  call_upstream = 3,   // the target proved itself; its certificate
  payload = 4,         // captured bytes of a call
  call_closed = 5,
  session_closed = 6,  // also carries why a flow without any call was refused or failed
  call_client = 7,     // what a caller that speaks TLS itself offered
  gap = 8,             // of calls that do not wait for their record, some could not be recorded
  call_decided =
      9,  // what enforcement would have done, now that more is known: instead of what was said before
};

struct EventHeader {
  std::uint32_t size;  // whole event, header included, a multiple of 8
  EventType type;
  std::uint16_t flags;    // text_truncated
  std::uint64_t time_ns;  // CLOCK_REALTIME
};
static_assert(sizeof(EventHeader) == 16);

// A flag of an event: at least one of its texts was longer than its limit and was cut.
inline constexpr std::uint16_t text_truncated = 1;

// The longest texts, in bytes. A writer cuts what is longer; a reader refuses it.
inline constexpr std::size_t function_limit = 8192;
inline constexpr std::size_t host_limit = 256;
inline constexpr std::size_t policy_limit = 512;
inline constexpr std::size_t rule_limit = 256;
inline constexpr std::size_t reason_limit = 1024;
inline constexpr std::size_t tls_version_limit = 32;
inline constexpr std::size_t cipher_limit = 64;
inline constexpr std::size_t application_protocol_limit = 256;
inline constexpr std::size_t subject_limit = 1024;
inline constexpr std::size_t spiffe_id_limit = 2048;
inline constexpr std::size_t digest_size = 32;
inline constexpr std::size_t client_versions_limit = 128;
inline constexpr std::size_t client_protocols_limit = 512;
inline constexpr std::size_t error_code_limit = 64;
inline constexpr std::size_t error_detail_limit = 1024;

enum class Direction : std::uint8_t { request = 0, response = 1 };
enum class PayloadKind : std::uint8_t { head = 0, body = 1, trailers = 2, stream = 3 };

// Followed by: nothing.
struct SessionOpened {
  EventHeader header;
  Id session;
  std::uint64_t workload;       // registry id
  std::uint64_t process_start;  // ns since boot
  std::uint64_t exe_device;
  std::uint64_t exe_inode;
  std::uint32_t tgid;
  std::uint16_t destination_port;
  std::uint8_t destination_v6;
  std::uint8_t enforced;
  std::uint8_t destination_ip[16];
};

enum class Verdict : std::uint8_t { allow = 0, deny = 1 };

// What the policy lets the call wait for; the values of policy::Durability.
enum class CallDurability : std::uint8_t { async = 0, written = 1, synced = 2 };

// Followed by: function, host, policy, rule, reason, and the trial's policy, rule and reason.
struct CallOpened {
  EventHeader header;
  Id call;
  Id session;
  Verdict verdict;
  std::uint8_t enforced;      // 0: recorded only
  std::uint8_t upstream_tls;  // policy::TlsRequirement; 255 where the call goes on untouched
  CallDurability durability;
  std::uint8_t reserved[2];
  std::uint16_t port;           // of the target
  std::uint16_t function_size;  // "http:POST api.pay.internal/v1/refunds", without the query
  std::uint16_t host_size;
  std::uint16_t policy_size;
  std::uint16_t rule_size;
  std::uint16_t reason_size;
  // Of observed policies that would deny what enforced ones allow.
  std::uint16_t trial_policy_size;
  std::uint16_t trial_rule_size;
  std::uint16_t trial_reason_size;
  std::uint64_t payload_limit;   // bytes a direction that are captured
  std::uint32_t retain_seconds;  // how long the record is to be kept; 0: as the agent is configured
  std::uint32_t reserved_tail;
};

// Of decisions that are only recorded. Followed by: policy, rule, reason, and the trial's policy, rule and
// reason.
struct CallDecided {
  EventHeader header;
  Id call;
  Verdict verdict;
  std::uint8_t reserved[3];
  std::uint16_t policy_size;
  std::uint16_t rule_size;
  std::uint16_t reason_size;
  std::uint16_t trial_policy_size;
  std::uint16_t trial_rule_size;
  std::uint16_t trial_reason_size;
};

// Followed by: tls_version, cipher, subject, spiffe_id, certificate digest (32 bytes or none), application
// protocol.
struct CallUpstream {
  EventHeader header;
  Id call;
  std::uint8_t upstream_ip[16];
  std::uint16_t upstream_port;
  std::uint8_t upstream_v6;
  std::uint8_t tls;       // 1: over TLS
  std::uint8_t verified;  // 1: the certificate was verified
  std::uint8_t resumed;
  std::uint8_t reused;              // 1: a pooled connection
  std::uint8_t client_certificate;  // 1: ours was sent
  std::uint16_t tls_version_size;
  std::uint16_t cipher_size;
  std::uint16_t subject_size;
  std::uint16_t spiffe_id_size;
  std::uint16_t digest_size;
  std::uint8_t probed;  // 1: the certificate was verified on a connection of the agent's own
  std::uint8_t reserved;
  std::uint16_t application_protocol_size;
  std::uint8_t reserved_tail[2];
  std::uint64_t certificate_not_after;  // seconds since 1970
};

// Followed by: server name, versions, protocols.
struct CallClient {
  EventHeader header;
  Id call;
  std::uint8_t encrypted_hello;  // 1: the name is the outer one (ECH)
  std::uint8_t reserved;
  std::uint16_t server_name_size;  // at most host_limit
  std::uint16_t versions_size;     // "TLSv1.3,TLSv1.2"
  std::uint16_t protocols_size;    // "h2,http/1.1"
};

// Followed by: the bytes. Pieces of a call and direction come in order, without gaps, up to the capture
// limit. Everything that is hashed passes here: bytes over the limit are not stored, but they count for sizes
// and digests, so they are sent too.
struct Payload {
  EventHeader header;
  Id call;
  Direction direction;
  PayloadKind kind;
  std::uint16_t reserved;
  std::uint32_t payload_size;
};

enum class Outcome : std::uint8_t {
  completed = 0,  // the answer reached the caller whole
  denied = 1,     // by policy
  refused = 2,  // before a byte went upstream: bad request, target not proved, limits, recording not possible
  failed = 3,   // the target failed after the request began to leave
  caller_aborted = 4,  // the caller went away
  interrupted = 5,     // the agent died while the call was open
};

// Followed by: error code, error detail.
struct CallClosed {
  EventHeader header;
  Id call;
  Outcome outcome;
  std::uint8_t reserved;
  std::uint16_t status;  // HTTP status that the caller got, 0 if none
  std::uint16_t error_code_size;
  std::uint16_t error_detail_size;
  std::uint64_t request_body_size;  // content bytes that were seen
  std::uint64_t response_body_size;
  // Microseconds since the call was opened; 0 where it did not come to that.
  std::uint32_t connected_us;
  std::uint32_t handshaken_us;
  std::uint32_t first_byte_us;
  std::uint32_t total_us;
};

// Followed by: error code, error detail. `calls` 0 with an error: the flow itself was refused or failed.
struct SessionClosed {
  EventHeader header;
  Id session;
  std::uint64_t received;  // bytes from the caller
  std::uint64_t sent;      // bytes to the caller
  std::uint32_t calls;
  Outcome outcome;
  std::uint8_t reserved;
  std::uint16_t error_code_size;
  std::uint16_t error_detail_size;
  std::uint16_t reserved_tail[3];
};

// Followed by: nothing. The header's time is the gap's end.
struct Gap {
  EventHeader header;
  std::uint64_t workload;     // registry id of the one that lost something; 0: of several
  std::uint64_t since_ns;     // of the first loss; 1970 as everywhere
  std::uint64_t lost_calls;   // without any record
  std::uint64_t lost_events;  // of calls and flows, those of lost calls included
  std::uint64_t lost_bytes;   // of payload
};

static_assert(std::is_trivially_copyable_v<SessionOpened> && sizeof(SessionOpened) == 88);
static_assert(std::is_trivially_copyable_v<CallOpened> && sizeof(CallOpened) == 88);
static_assert(std::is_trivially_copyable_v<CallDecided> && sizeof(CallDecided) == 48);
static_assert(std::is_trivially_copyable_v<CallUpstream> && sizeof(CallUpstream) == 80);
static_assert(std::is_trivially_copyable_v<CallClient> && sizeof(CallClient) == 40);
static_assert(std::is_trivially_copyable_v<Payload> && sizeof(Payload) == 40);
static_assert(std::is_trivially_copyable_v<CallClosed> && sizeof(CallClosed) == 72);
static_assert(std::is_trivially_copyable_v<SessionClosed> && sizeof(SessionClosed) == 64);
static_assert(std::is_trivially_copyable_v<Gap> && sizeof(Gap) == 56);

}  // namespace callgate::record
