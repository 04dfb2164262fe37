// Writes whole calls into a ring, as a proxy thread would, and a directory that knows every workload.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include <fcntl.h>

#include "base/clock.hpp"
#include "record/event_writer.hpp"
#include "record/ring.hpp"
#include "record/workload_directory.hpp"

namespace callgate::test {

class Names final : public record::WorkloadDirectory {
 public:
  std::optional<record::WorkloadName> lookup(std::uint64_t workload) override {
    ++asked;
    if (workload == 0) return std::nullopt;
    return record::WorkloadName{"workload-" + std::to_string(workload),
                                "spiffe://test/" + std::to_string(workload)};
  }
  std::optional<std::string> process_path(std::uint32_t tgid, std::uint64_t, std::uint64_t,
                                          std::uint64_t) override {
    if (tgid == 0) return std::nullopt;
    return "/usr/bin/process-" + std::to_string(tgid);
  }
  int asked = 0;
};

class Proxy {
 public:
  Proxy(const std::string& directory, record::RingOwner ring, std::size_t capacity = 1U << 20U)
      : owner(ring),
        file(record::create_ring(directory + "/" + record::ring_name(owner), capacity, owner).value()),
        writer(std::make_unique<record::RingWriter>(record::RingWriter::map(file.get()).value())),
        events(*writer),
        ids(owner.generation, owner.thread) {}

  bool open_session(Id session, std::uint64_t workload = 7) {
    record::SessionOpened event{};
    event.header.time_ns = ++clock;
    event.session = session;
    event.workload = workload;
    event.tgid = 42;
    event.destination_port = 80;
    return events.session_opened(event);
  }
  bool open_call(Id session, Id call, std::uint64_t limit = 1U << 20U,
                 record::Verdict verdict = record::Verdict::allow) {
    record::CallOpened event{};
    event.header.time_ns = ++clock;
    event.call = call;
    event.session = session;
    event.verdict = verdict;
    event.enforced = 1;
    event.port = 80;
    event.payload_limit = limit;
    return events.call_opened(
        event, {"http:GET api/" + std::to_string(call.counter), "api", "policy", "rule", "why"});
  }
  bool payload(Id call, record::Direction direction, record::PayloadKind kind, std::string_view text) {
    record::Payload event{};
    event.header.time_ns = ++clock;
    event.call = call;
    event.direction = direction;
    event.kind = kind;
    return events.payload(event, as_bytes(text)) == text.size();
  }
  bool close_call(Id call, record::Outcome outcome = record::Outcome::completed) {
    record::CallClosed event{};
    event.header.time_ns = ++clock;
    event.call = call;
    event.outcome = outcome;
    event.status = 200;
    return events.call_closed(event, {});
  }
  bool close_session(Id session, record::Outcome outcome = record::Outcome::completed,
                     std::string_view code = {}) {
    record::SessionClosed event{};
    event.header.time_ns = ++clock;
    event.session = session;
    event.outcome = outcome;
    return events.session_closed(event, {code, {}});
  }
  // A session with one call of which `request` and `response` are the bodies. False where the ring is full.
  bool whole_call(std::string_view request, std::string_view response, Id* used = nullptr) {
    if (!events.has_room(request.size() + response.size() + 4096)) return false;
    const Id session = ids.next();
    const Id call = ids.next();
    if (used != nullptr) *used = call;
    return open_session(session) && open_call(session, call) &&
           payload(call, record::Direction::request, record::PayloadKind::head, "GET / HTTP/1.1\r\n\r\n") &&
           payload(call, record::Direction::request, record::PayloadKind::body, request) &&
           payload(call, record::Direction::response, record::PayloadKind::body, response) &&
           close_call(call) && close_session(session);
  }

  record::RingOwner owner;
  Fd file;
  std::unique_ptr<record::RingWriter> writer;
  record::EventWriter events;
  IdSource ids;
  std::uint64_t clock = wall_ns();
};

}  // namespace callgate::test
