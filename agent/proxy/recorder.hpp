// Writes what happens to flows and calls into the thread's ring.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/ids.hpp"
#include "kernel/flow.hpp"
#include "policy/engine.hpp"
#include "proxy/clock.hpp"
#include "record/event_writer.hpp"
#include "transport/tls_client.hpp"

namespace callgate::proxy {

// What is known of the connection that carries a call.
struct UpstreamFacts {
  Address address;
  bool tls = false;
  bool reused = false;
  bool probed = false;                         // `facts` are of a connection of the agent's own, made to ask
  const transport::TlsFacts* facts = nullptr;  // of a TLS connection
  std::string_view certificate_digest;         // 32 bytes, or none
  std::string_view tls_version;                // of the caller's own TLS, where `probed`
};

// What a call came to.
struct CallEnd {
  record::Outcome outcome = record::Outcome::completed;
  int status = 0;  // that the caller got, 0 if none
  std::string_view code;
  std::string_view detail;
  std::uint64_t request_body_size = 0;
  std::uint64_t response_body_size = 0;
  // Of CLOCK_MONOTONIC; 0 where it did not come to that.
  Nanoseconds opened_at = 0;
  Nanoseconds connected_at = 0;
  Nanoseconds handshaken_at = 0;
  Nanoseconds first_byte_at = 0;
};

// How a call begins.
struct CallBeginning {
  Id call;
  Id session;
  policy::RecordRequirement requirement;
  std::uint64_t payload_limit = 0;
  bool enforced = true;
  std::uint8_t tls = 0;  // policy::TlsRequirement, or untouched
  std::uint16_t port = 0;
  std::string_view function;
  std::string_view host;
};

// What could not be recorded, of calls and flows that do not wait for it.
struct Losses {
  std::uint64_t calls = 0;  // without any record
  std::uint64_t events = 0;
  std::uint64_t bytes = 0;
};

// Belongs to one thread. Every method returns false where the ring is too full: nothing was written then, but
// for payload(), which may have written a part.
class Recorder {
 public:
  Recorder(record::RingWriter ring, const Clock& clock);

  [[nodiscard]] bool session_opened(const Id& session, const kernel::Flow& flow, bool enforced);
  [[nodiscard]] bool call_opened(const CallBeginning& beginning, const policy::Decision& decision);
  // What enforcement would have done, now that more is known.
  [[nodiscard]] bool call_decided(const Id& call, const policy::Decision& decision);
  [[nodiscard]] bool call_upstream(const Id& call, const UpstreamFacts& facts);
  [[nodiscard]] bool call_client(const Id& call, bool encrypted_hello, const record::CallClientText& text);
  // As EventWriter's.
  [[nodiscard]] std::span<std::uint8_t> lend(std::size_t size) { return writer_.lend(size); }
  // How much of `bytes` was written.
  [[nodiscard]] std::size_t payload_part(const Id& call, record::Direction direction,
                                         record::PayloadKind kind, std::string_view bytes);
  [[nodiscard]] bool call_closed(const Id& call, const CallEnd& end);
  [[nodiscard]] bool session_closed(const Id& session, std::uint64_t received, std::uint64_t sent,
                                    std::uint32_t calls, record::Outcome outcome, std::string_view code,
                                    std::string_view detail);

  // Adds to the gap, which is recorded as soon as there is space for it: before any other call begins, and
  // when write_gap() is called.
  void lose(std::uint64_t workload, const Losses& losses);
  // True if there is no gap to tell of any more.
  [[nodiscard]] bool write_gap();

  // Asks for everything that is written by now to be on disk; returns its end, for synced_position().
  [[nodiscard]] std::uint64_t want_sync();
  [[nodiscard]] std::uint64_t synced_position() { return ring_.synced_position(); }

  // True if `payload` bytes can be recorded at once, and a call be opened before them.
  [[nodiscard]] bool has_room(std::size_t payload) { return writer_.has_room(payload); }
  // The most that should be received at once, so that the ring can ever have room for it.
  [[nodiscard]] std::size_t piece_size() const { return piece_size_; }

  static constexpr std::uint8_t untouched = 255;

 private:
  [[nodiscard]] record::EventHeader header() const;

  record::RingWriter ring_;
  record::EventWriter writer_;
  const Clock& clock_;
  std::size_t piece_size_;
  record::Gap gap_{};  // without losses: there is none
};

}  // namespace callgate::proxy
