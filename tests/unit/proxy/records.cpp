#include "records.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>

#include <catch2/catch.hpp>
#include <fcntl.h>

#include "base/bytes.hpp"
#include "record/ring.hpp"

namespace callgate::test {
namespace {

template <typename Event>
Event event_at(const std::uint8_t* bytes) {
  Event event;
  std::memcpy(&event, bytes, sizeof(event));
  return event;
}

class Texts {
 public:
  explicit Texts(const std::uint8_t* bytes) : next_(reinterpret_cast<const char*>(bytes)) {}
  std::string take(std::size_t size) {
    std::string text(next_, size);
    next_ += size;
    return text;
  }

 private:
  const char* next_;
};

template <typename Item>
Item& find(std::vector<Item>& items, const Id& id) {
  const auto found =
      std::find_if(items.begin(), items.end(), [&](const Item& item) { return item.id == id; });
  if (found == items.end()) FAIL("an event belongs to nothing that was opened: " << to_string(id));
  return *found;
}

void add_call(Records& records, const std::uint8_t* bytes) {
  const auto event = event_at<record::CallOpened>(bytes);
  Texts texts(bytes + sizeof(event));
  RecordedCall call;
  call.id = event.call;
  call.session = event.session;
  call.allowed = event.verdict == record::Verdict::allow;
  call.enforced = event.enforced != 0;
  call.tls = event.upstream_tls;
  call.payload_limit = event.payload_limit;
  call.durability = event.durability;
  call.retain_seconds = event.retain_seconds;
  call.function = texts.take(event.function_size);
  call.host = texts.take(event.host_size);
  call.policy = texts.take(event.policy_size);
  call.rule = texts.take(event.rule_size);
  call.reason = texts.take(event.reason_size);
  texts.take(event.trial_policy_size);
  call.trial_rule = texts.take(event.trial_rule_size);
  call.trial_reason = texts.take(event.trial_reason_size);
  find(records.sessions, event.session);
  records.calls.push_back(std::move(call));
}

void decide_call(Records& records, const std::uint8_t* bytes) {
  const auto event = event_at<record::CallDecided>(bytes);
  Texts texts(bytes + sizeof(event));
  RecordedCall& call = find(records.calls, event.call);
  CHECK_FALSE(call.closed);
  call.allowed = event.verdict == record::Verdict::allow;
  call.policy = texts.take(event.policy_size);
  call.rule = texts.take(event.rule_size);
  call.reason = texts.take(event.reason_size);
  texts.take(event.trial_policy_size);
  call.trial_rule = texts.take(event.trial_rule_size);
  call.trial_reason = texts.take(event.trial_reason_size);
}

void add_upstream(Records& records, const std::uint8_t* bytes) {
  const auto event = event_at<record::CallUpstream>(bytes);
  Texts texts(bytes + sizeof(event));
  RecordedCall& call = find(records.calls, event.call);
  ++call.upstreams;
  call.over_tls = event.tls != 0;
  call.verified = event.verified != 0;
  call.reused = event.reused != 0;
  call.resumed = event.resumed != 0;
  call.probed = event.probed != 0;
  call.tls_version = texts.take(event.tls_version_size);
  texts.take(std::size_t{event.cipher_size} + event.subject_size);
  call.spiffe_id = texts.take(event.spiffe_id_size);
  call.digest = texts.take(event.digest_size);
  call.application_protocol = texts.take(event.application_protocol_size);
}

void add_client(Records& records, const std::uint8_t* bytes) {
  const auto event = event_at<record::CallClient>(bytes);
  Texts texts(bytes + sizeof(event));
  RecordedCall& call = find(records.calls, event.call);
  call.server_name = texts.take(event.server_name_size);
  call.versions = texts.take(event.versions_size);
  call.protocols = texts.take(event.protocols_size);
}

void add_payload(Records& records, const std::uint8_t* bytes) {
  const auto event = event_at<record::Payload>(bytes);
  RecordedCall& call = find(records.calls, event.call);
  CHECK_FALSE(call.closed);
  std::string* const parts[] = {call.head, call.body, call.trailers, call.stream};
  parts[static_cast<int>(event.kind)][static_cast<int>(event.direction)] +=
      Texts(bytes + sizeof(event)).take(event.payload_size);
}

void close_call(Records& records, const std::uint8_t* bytes) {
  const auto event = event_at<record::CallClosed>(bytes);
  Texts texts(bytes + sizeof(event));
  RecordedCall& call = find(records.calls, event.call);
  CHECK_FALSE(call.closed);
  call.closed = true;
  call.outcome = event.outcome;
  call.status = event.status;
  call.request_size = event.request_body_size;
  call.response_size = event.response_body_size;
  call.code = texts.take(event.error_code_size);
  call.detail = texts.take(event.error_detail_size);
}

void close_session(Records& records, const std::uint8_t* bytes) {
  const auto event = event_at<record::SessionClosed>(bytes);
  Texts texts(bytes + sizeof(event));
  RecordedSession& session = find(records.sessions, event.session);
  CHECK_FALSE(session.closed);
  session.closed = true;
  session.outcome = event.outcome;
  session.calls = event.calls;
  session.received = event.received;
  session.sent = event.sent;
  session.code = texts.take(event.error_code_size);
  session.detail = texts.take(event.error_detail_size);
}

void add(Records& records, const std::uint8_t* bytes, record::EventType type) {
  switch (type) {
    case record::EventType::session_opened: {
      const auto event = event_at<record::SessionOpened>(bytes);
      RecordedSession session;
      session.id = event.session;
      session.enforced = event.enforced != 0;
      session.workload = event.workload;
      records.sessions.push_back(std::move(session));
      break;
    }
    case record::EventType::call_opened:
      add_call(records, bytes);
      break;
    case record::EventType::call_upstream:
      add_upstream(records, bytes);
      break;
    case record::EventType::call_client:
      add_client(records, bytes);
      break;
    case record::EventType::payload:
      add_payload(records, bytes);
      break;
    case record::EventType::call_closed:
      close_call(records, bytes);
      break;
    case record::EventType::session_closed:
      close_session(records, bytes);
      break;
    case record::EventType::call_decided:
      decide_call(records, bytes);
      break;
    case record::EventType::gap:
      records.gaps.push_back(event_at<record::Gap>(bytes));
      break;
    case record::EventType::padding:
      break;
  }
}

}  // namespace

Records read_records(const std::string& ring_path) {
  auto reader = record::RingReader::open(Fd(::open(ring_path.c_str(), O_RDWR | O_CLOEXEC)));
  REQUIRE(reader.has_value());
  Records records;
  for (;;) {
    const auto events = reader->read(record::max_event_size);
    REQUIRE(events.has_value());
    if (events->empty()) return records;
    for (std::size_t place = 0; place < events->size();) {
      const auto header = event_at<record::EventHeader>(events->data() + place);
      add(records, events->data() + place, header.type);
      place += header.size;
    }
  }
}

Records read_closed_records(const std::string& ring_path) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  for (;;) {
    Records records = read_records(ring_path);
    const bool closed =
        !records.sessions.empty() && std::all_of(records.sessions.begin(), records.sessions.end(),
                                                 [](const auto& session) { return session.closed; });
    if (closed) return records;
    if (std::chrono::steady_clock::now() > deadline) FAIL("a session was not closed in time");
    std::this_thread::yield();
  }
}

void empty_ring(const std::string& ring_path) {
  auto reader = record::RingReader::open(Fd(::open(ring_path.c_str(), O_RDWR | O_CLOEXEC)));
  REQUIRE(reader.has_value());
  for (;;) {
    const auto events = reader->read(record::max_event_size);
    REQUIRE(events.has_value());
    if (events->empty()) break;
  }
  REQUIRE(reader->release());
}

}  // namespace callgate::test
