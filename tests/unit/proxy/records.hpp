// What a ring holds, in a form that tests can ask.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "record/event.hpp"

namespace callgate::test {

struct RecordedCall {
  Id id;
  Id session;
  bool allowed = false;
  bool enforced = false;
  std::uint8_t tls = 0;
  std::uint64_t payload_limit = 0;
  record::CallDurability durability = record::CallDurability::async;
  std::uint32_t retain_seconds = 0;
  std::string function;
  std::string host;
  std::string policy;
  std::string rule;
  std::string reason;
  std::string trial_rule;
  std::string trial_reason;
  // By direction.
  std::string head[2];
  std::string body[2];
  std::string trailers[2];
  std::string stream[2];
  int upstreams = 0;  // how often a connection to the target was recorded
  bool over_tls = false;
  bool verified = false;
  bool reused = false;
  bool resumed = false;
  std::string spiffe_id;
  std::string digest;
  bool probed = false;
  std::string tls_version;
  std::string application_protocol;
  // Of a caller that speaks TLS itself.
  std::string server_name;
  std::string versions;
  std::string protocols;
  bool closed = false;
  record::Outcome outcome = record::Outcome::completed;
  int status = 0;
  std::string code;
  std::string detail;
  std::uint64_t request_size = 0;
  std::uint64_t response_size = 0;
};

struct RecordedSession {
  Id id;
  bool enforced = false;
  std::uint64_t workload = 0;
  bool closed = false;
  record::Outcome outcome = record::Outcome::completed;
  std::uint32_t calls = 0;
  std::uint64_t received = 0;
  std::uint64_t sent = 0;
  std::string code;
  std::string detail;
};

struct Records {
  std::vector<record::Gap> gaps;
  std::vector<RecordedSession> sessions;
  std::vector<RecordedCall> calls;
};

// Everything that was written so far, from the ring's beginning.
Records read_records(const std::string& ring_path);
// The same, once all sessions are closed; fails the test if they are not in time.
Records read_closed_records(const std::string& ring_path);
// Makes space for more: what was written so far is not in the records any more.
void empty_ring(const std::string& ring_path);

}  // namespace callgate::test
