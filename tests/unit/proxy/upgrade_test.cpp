// Connections that stop being HTTP under enforcement.
#include <atomic>
#include <thread>

#include <catch2/catch.hpp>

#include "bed.hpp"

using namespace callgate;
using namespace callgate::test;

namespace {

const std::string offer = get("/ws", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n");
const std::string change =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

}  // namespace

TEST_CASE("an upgrade that a policy allows passes both ways, and its bytes are recorded with the call") {
  Bed bed;
  Peer caller = bed.call();
  caller.send(offer);
  Peer target = bed.target.accept();
  const std::string head = target.read_until("\r\n\r\n");
  CHECK(head.find("\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n") != std::string::npos);
  CHECK(head.find("Sec-WebSocket-Key: k") != std::string::npos);
  target.send(change + "first frame");
  CHECK(caller.read_until("\r\n\r\n").find("HTTP/1.1 101 ") == 0);
  CHECK(caller.read_exactly(11) == "first frame");
  caller.send("frame of the caller");
  CHECK(target.read_exactly(19) == "frame of the caller");
  target.send("last");
  CHECK(caller.read_exactly(4) == "last");
  caller.end_output();
  CHECK(target.read_to_end().empty());
  target.close();
  CHECK(caller.read_to_end().empty());
  caller.close();
  const RecordedCall call = bed.only_call();
  CHECK(call.function == "http:GET target.test/ws");
  CHECK(call.status == 101);
  CHECK(call.head[1].find("HTTP/1.1 101 ") == 0);
  CHECK(call.stream[0] == "frame of the caller");
  CHECK(call.stream[1] == "first framelast");
  CHECK(call.outcome == record::Outcome::completed);
}

TEST_CASE("what a caller sends behind its offer goes on only after the change") {
  Bed bed;
  Peer caller = bed.call();
  caller.send(offer + "too early");
  Peer target = bed.target.accept();
  CHECK(target.read_until("\r\n\r\n").find("too early") == std::string::npos);
  CHECK(target.is_silent());
  target.send(change);
  CHECK(target.read_exactly(9) == "too early");
}

TEST_CASE("a target that declines an upgrade answers in HTTP, and the connection goes on") {
  Bed bed;
  Peer caller = bed.call();
  caller.send(offer);
  Peer target = bed.target.accept();
  target.read_until("\r\n\r\n");
  target.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno");
  CHECK(caller.read_response().find("\r\n\r\nno") != std::string::npos);
  caller.send(get("/next"));
  CHECK(target.read_until("\r\n\r\n").find("GET /next") == 0);
  target.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  CHECK(caller.read_response().find("\r\n\r\nok") != std::string::npos);
}

TEST_CASE("a denied upgrade is answered, and its target never dialled") {
  Bed bed;
  Peer caller = bed.call();
  caller.send(get("/forbidden", "Connection: Upgrade\r\nUpgrade: websocket\r\n"));
  CHECK(caller.read_response().find("HTTP/1.1 403 ") == 0);
  CHECK_FALSE(bed.target.has_connection());
}

TEST_CASE("a change of protocol that nobody offered is refused") {
  const std::string request = GENERATE(get("/"), offer, get("/", "Connection: Upgrade\r\nUpgrade: h2c\r\n"));
  Bed bed;
  Peer caller = bed.call();
  caller.send(request);
  Peer target = bed.target.accept();
  CHECK(target.read_until("\r\n\r\n").find("h2c") == std::string::npos);
  target.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\nframes");
  const std::string answer = caller.read_response();
  CHECK(answer.find("HTTP/1.1 502 ") == 0);
  CHECK(answer.find("unexpected_upgrade") != std::string::npos);
  CHECK(answer.find("frames") == std::string::npos);
}

TEST_CASE("a reset passes through an upgraded connection both ways") {
  for (const bool by_target : {false, true}) {
    Bed bed;
    Peer caller = bed.call();
    caller.send(offer);
    Peer target = bed.target.accept();
    target.read_until("\r\n\r\n");
    target.send(change);
    caller.read_until("\r\n\r\n");
    if (by_target) {
      target.reset();
      CHECK(caller.ends_with_reset());
    } else {
      caller.reset();
      CHECK(target.ends_with_reset());
    }
    CHECK(bed.only_call().outcome == (by_target ? record::Outcome::failed : record::Outcome::caller_aborted));
  }
}

TEST_CASE("a silent upgraded connection lives as long as the configuration allows") {
  NodeOptions options;
  options.limits.set_tunnel_idle_timeout(100);
  Bed bed(options);
  Peer caller = bed.call();
  caller.send(offer);
  Peer target = bed.target.accept();
  target.read_until("\r\n\r\n");
  target.send(change);
  caller.read_until("\r\n\r\n");
  CHECK(caller.ends_with_reset());
  CHECK(target.ends_with_reset());
  CHECK(bed.only_call().code == "tunnel_idle_timeout");
}

TEST_CASE("a change of policy ends the upgraded connections that it does not allow, and leaves the others") {
  Bed bed;
  Peer caller = bed.call();
  caller.send(offer);
  Peer target = bed.target.accept();
  target.read_until("\r\n\r\n");
  target.send(change);
  caller.read_until("\r\n\r\n");
  bed.node.set_policy(plaintext_policy() + "  record: {payloads: none}\n");
  caller.send("still");
  CHECK(target.read_exactly(5) == "still");
  std::string stricter = plaintext_policy();
  stricter.replace(stricter.find("http:* /forbidden\""), 18, "http:* /ws\"");
  bed.node.set_policy(stricter);
  CHECK(caller.ends_with_reset());
  CHECK(target.ends_with_reset());
  CHECK(bed.only_call().code == "policy_changed");
}

TEST_CASE("what comes behind a change of protocol waits while the ring is full, and goes on when it is not") {
  NodeOptions options;
  options.ring_size = 128U << 10U;
  Bed bed(options);
  Peer caller = bed.call();
  // Of the ring, so much is taken that the caller's bytes take the rest before the target's have their turn.
  const std::string body(40'000, 'b');
  caller.send("POST / HTTP/1.1\r\nHost: target.test\r\nContent-Length: " + std::to_string(body.size()) +
              "\r\n\r\n" + body);
  Peer target = bed.target.accept();
  target.read_until("\r\n\r\n");
  CHECK(target.read_exactly(body.size()) == body);
  target.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  caller.read_response();
  const std::string early(60'000, 'e');
  caller.send(offer + early);
  target.read_until("\r\n\r\n");
  const std::string first(16'000, 'f');
  target.send(change + first);
  CHECK(caller.read_until("\r\n\r\n").find("HTTP/1.1 101 ") == 0);
  CHECK(bed.node.counters().open_connections() == 1);
  CHECK(caller.is_silent());
  CHECK_FALSE(target.is_silent());
  while (caller.is_silent()) {
    empty_ring(bed.node.ring_path());
    REQUIRE(bed.node.counters().open_connections() == 1);
  }
  // Both directions need space from here on, by turns.
  std::atomic<bool> over{false};
  std::thread reader([&] {
    while (!over) {
      empty_ring(bed.node.ring_path());
      std::this_thread::yield();
    }
  });
  const std::string at_caller = caller.read_exactly(first.size());
  const std::string at_target = target.read_exactly(early.size());
  over = true;
  reader.join();
  CHECK(at_caller == first);
  CHECK(at_target == early);
}
