// What calls wait for: space for their record, its way to the disk, or nothing.
#include <chrono>
#include <functional>
#include <thread>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <fmt/format.h>

#include "../tls/real_hello.hpp"
#include "bed.hpp"

using namespace callgate;
using namespace callgate::test;

namespace {

std::string policy(std::string_view record, std::string_view mode = "enforce") {
  return fmt::format(
      "apiVersion: callgate.dev/v1\nkind: CallPolicy\nmetadata: {{name: test}}\nspec:\n  mode: {}\n"
      "  callers: [{{workload: shop}}]\n  targets: [{{host: target.test, upstream: {{tls: plaintext}}}}]\n"
      "  rules:\n    - {{name: forbidden, functions: [\"http:* /forbidden\"], action: deny}}\n"
      "    - {{name: all, functions: [\"*\"], action: allow}}\n  record: {}\n",
      mode, record);
}

NodeOptions small_ring() {
  NodeOptions options;
  options.ring_size = 64U << 10U;
  options.limits.set_head_bytes(8192);
  return options;
}

void wait_until(const std::function<bool()>& done) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!done()) {
    if (std::chrono::steady_clock::now() > deadline) FAIL("waited in vain");
    std::this_thread::yield();
  }
}

// callgated's end of the ring, as far as it says what is on disk.
struct Disk {
  explicit Disk(const Bed& bed)
      : reader(
            record::RingReader::open(Fd(::open(bed.node.ring_path().c_str(), O_RDWR | O_CLOEXEC))).value()) {}
  std::uint64_t wanted() {
    wait_until([&] { return reader.sync_wanted() != 0; });
    return reader.sync_wanted();
  }
  void has(std::uint64_t position) { REQUIRE(reader.set_synced_position(position)); }

  record::RingReader reader;
};

// Answers calls until nobody makes any.
void answer(Peer& target) {
  target.read_until("\r\n\r\n");
  target.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}

// Makes calls over one connection until the ring has no space for another; how many were made.
std::size_t fill(Bed& bed, Peer& caller) {
  const std::string filler = "X-Filler: " + std::string(4000, 'f') + "\r\n";
  std::size_t calls = 0;
  for (; bed.node.counters().calls_unrecorded() == 0; ++calls) {
    caller.send(get("/forbidden", filler));
    REQUIRE(caller.read_response().substr(9, 3) == "403");
  }
  return calls;
}

}  // namespace

TEST_CASE("a synced call leaves once its record is on disk, and not before") {
  Bed bed({}, policy("{durability: synced, retain: 90d}"));
  Disk disk(bed);
  Peer caller = bed.call();
  caller.send(get("/a"));
  const std::uint64_t wanted = disk.wanted();
  disk.has(wanted - 8);
  (void)bed.node.counters();
  (void)bed.node.counters();
  CHECK_FALSE(bed.target.has_connection());
  disk.has(wanted);
  Peer target = bed.target.accept();
  answer(target);
  CHECK(caller.read_response().substr(9, 3) == "200");
  caller.close();
  const RecordedCall call = bed.only_call();
  CHECK(call.durability == record::CallDurability::synced);
  CHECK(call.retain_seconds == 90 * 86'400);
  CHECK(call.outcome == record::Outcome::completed);
}

TEST_CASE("a synced call whose record does not reach the disk in time is refused, and nothing of it leaves") {
  NodeOptions options;
  options.limits.set_record_timeout(100);
  Bed bed(options, policy("{durability: synced}"));
  Peer caller = bed.call();
  caller.send(get("/a"));
  const std::string answer = caller.read_response();
  CHECK(answer.substr(0, 12) == "HTTP/1.1 503");
  CHECK(answer.find("problems/record_not_synced") != std::string::npos);
  CHECK_FALSE(bed.target.has_connection());
  // A denied call goes nowhere, so that it waits for nothing.
  caller.send(get("/forbidden"));
  CHECK(caller.read_response().substr(9, 3) == "403");
  caller.close();
  const Records records = bed.records();
  REQUIRE(records.calls.size() == 2);
  CHECK(records.calls[0].outcome == record::Outcome::refused);
  CHECK(records.calls[0].code == "record_not_synced");
  CHECK(records.calls[1].outcome == record::Outcome::denied);
}

TEST_CASE("synced calls that wait at once go on together, and each with its own record") {
  Bed bed({}, policy("{durability: synced}"));
  Disk disk(bed);
  Peer first = bed.call();
  first.send(get("/a"));
  const std::uint64_t wanted = disk.wanted();
  Peer second = bed.call();
  second.send(get("/b"));
  wait_until([&] { return disk.reader.sync_wanted() > wanted; });
  disk.has(wanted);
  Peer target = bed.target.accept();
  answer(target);
  CHECK(first.read_response().substr(9, 3) == "200");
  CHECK_FALSE(bed.target.has_connection());
  disk.has(disk.reader.sync_wanted());
  answer(target);  // the connection of the first, which is idle now
  CHECK(second.read_response().substr(9, 3) == "200");
}

TEST_CASE("connections of other protocols wait for the disk too") {
  NodeOptions options;
  options.limits.set_record_timeout(GENERATE(100U, 30'000U));
  const bool refused = options.limits.record_timeout() == 100;
  Bed bed(options, policy("{durability: synced}"));
  Disk disk(bed);
  const bool tls = GENERATE(false, true);
  const std::string first = tls ? real_hello([](SSL* ssl) { SSL_set_tlsext_host_name(ssl, "target.test"); })
                                : std::string("\x01\x02 not HTTP");
  Peer caller = bed.call();
  caller.send(first);
  const std::uint64_t wanted = disk.wanted();
  (void)bed.node.counters();
  CHECK_FALSE(bed.target.has_connection());
  if (refused) {
    if (tls) {
      CHECK(caller.read_to_end().size() == 7);  // an alert
    } else {
      CHECK(caller.ends_with_reset());
    }
    CHECK_FALSE(bed.target.has_connection());
    caller.close();
    CHECK(bed.only_call().code == "record_not_synced");
  } else {
    disk.has(wanted);
    Peer target = bed.target.accept();
    CHECK(target.read_exactly(first.size()) == first);
  }
}

TEST_CASE(
    "async calls go on without space for their record, and a gap tells of it as soon as there is some") {
  Bed bed(small_ring(), policy("{durability: async}"));
  Peer caller = bed.call();
  CHECK(fill(bed, caller) > 2);
  // Also on a connection that is not in the record itself, and with a target.
  Peer late = bed.call();
  late.send(get("/a"));
  Peer target = bed.target.accept();
  answer(target);
  CHECK(late.read_response().substr(9, 3) == "200");
  late.close();
  caller.close();
  wait_until([&] { return bed.node.counters().open_connections() == 0; });
  const std::uint64_t unrecorded = bed.node.counters().calls_unrecorded();
  CHECK(unrecorded == 2);
  CHECK(read_records(bed.node.ring_path()).gaps.empty());
  empty_ring(bed.node.ring_path());
  wait_until([&] { return !read_records(bed.node.ring_path()).gaps.empty(); });
  // What came with the gap, and what comes after it.
  Peer next = bed.call();
  next.send(get("/forbidden"));
  CHECK(next.read_response().substr(9, 3) == "403");
  next.close();
  const Records records = bed.records();
  REQUIRE(records.gaps.size() == 1);
  const record::Gap& gap = records.gaps[0];
  CHECK(gap.workload == workload_id);
  CHECK(gap.lost_calls == unrecorded);
  CHECK(gap.lost_events > gap.lost_calls);
  CHECK(gap.lost_bytes > 4000);
  CHECK(gap.since_ns != 0);
  CHECK(gap.since_ns <= gap.header.time_ns);
  REQUIRE(records.calls.size() == 1);
  CHECK(records.calls[0].durability == record::CallDurability::async);
}

TEST_CASE("the bytes of an async call go on when the ring is full, and its record says that it has a gap") {
  Bed bed(small_ring(), policy("{durability: async}"));
  const bool opaque = GENERATE(false, true);
  const std::string request = opaque ? std::string("\x01\x02 not HTTP") : get("/");
  const std::string head =
      opaque ? std::string() : std::string("HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n");
  const std::string body(300'000, 'b');
  Peer caller = bed.call();
  caller.send(request);
  Peer target = bed.target.accept();
  if (opaque) {
    CHECK(target.read_exactly(request.size()) == request);
  } else {
    target.read_until("\r\n\r\n");
  }
  std::thread sender([&] { target.send(head + body); });
  if (!opaque) caller.read_until("\r\n\r\n");
  CHECK(caller.read_exactly(body.size()) == body);
  sender.join();
  caller.close();
  if (opaque) target.read_to_end();
  target.close();
  const RecordedCall call = bed.only_call();
  CHECK(call.outcome == record::Outcome::completed);
  CHECK(call.code == "record_gap");
  CHECK(call.response_size == body.size());
  const std::string& kept = opaque ? call.stream[1] : call.body[1];
  CHECK(kept.size() < body.size());
  CHECK(body.substr(0, kept.size()) == kept);
  empty_ring(bed.node.ring_path());
  wait_until([&] { return !read_records(bed.node.ring_path()).gaps.empty(); });
  const Records records = read_records(bed.node.ring_path());
  CHECK(records.gaps[0].lost_calls == 0);
  CHECK(records.gaps[0].lost_bytes >= body.size() - kept.size());
}

TEST_CASE("what was observed and not recorded is a gap too") {
  Bed bed(small_ring(), policy("{durability: synced}", "observe"));
  Peer caller = bed.call();
  caller.send(get("/"));
  Peer target = bed.target.accept();
  target.read_until("\r\n\r\n");
  const std::string body(300'000, 'b');
  std::thread sender([&] { target.send("HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + body); });
  caller.read_until("\r\n\r\n");
  CHECK(caller.read_exactly(body.size()) == body);
  sender.join();
  caller.close();
  target.read_to_end();
  target.close();
  CHECK(bed.only_call().durability == record::CallDurability::async);
  empty_ring(bed.node.ring_path());
  wait_until([&] { return !read_records(bed.node.ring_path()).gaps.empty(); });
  CHECK(read_records(bed.node.ring_path()).gaps[0].workload == workload_id);
}
