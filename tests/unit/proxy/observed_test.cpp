// Flows that are only observed: every byte as it was, and a record of what it meant.
#include <thread>

#include <catch2/catch.hpp>

#include "bed.hpp"

using namespace callgate;
using namespace callgate::test;

TEST_CASE("an observed call passes unchanged, and its record says what enforcement would have done") {
  Bed bed({}, plaintext_policy("observe"));
  Peer caller = bed.call();
  // Hop-by-hop fields, odd spelling, a denied path: none of that is touched.
  const std::string request =
      "GET /forbidden?a=1 HTTP/1.1\r\nhost:   target.test\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\n";
  const std::string answer = "HTTP/1.1 200 Fine\r\ncontent-length: 2\r\nKeep-Alive: 5\r\n\r\nok";
  caller.send(request);
  Peer target = bed.target.accept();
  CHECK(target.read_exactly(request.size()) == request);
  target.send(answer);
  CHECK(caller.read_exactly(answer.size()) == answer);
  const std::string allowed = get("/fine");
  caller.send(allowed);
  CHECK(target.read_exactly(allowed.size()) == allowed);
  target.send(answer);
  CHECK(caller.read_exactly(answer.size()) == answer);
  caller.close();
  CHECK(target.read_to_end().empty());
  target.close();
  const Records records = bed.records();
  REQUIRE(records.calls.size() == 2);
  CHECK_FALSE(records.sessions[0].enforced);
  const RecordedCall& call = records.calls[0];
  CHECK_FALSE(call.enforced);
  CHECK_FALSE(call.allowed);
  CHECK(call.reason == "not this one");
  CHECK(call.tls == 255);
  CHECK(call.function == "http:GET target.test/forbidden");
  CHECK(call.head[0] == request);
  CHECK(call.head[1] + call.body[1] == answer);
  CHECK(call.outcome == record::Outcome::completed);
  CHECK(call.status == 200);
  CHECK(records.calls[1].allowed);
}

TEST_CASE("an observed server may speak first, and either side may end its half") {
  Bed bed({}, plaintext_policy("observe"));
  Peer caller = bed.call();
  Peer target = bed.target.accept();
  target.send("220 welcome\r\n");
  CHECK(caller.read_until("\r\n") == "220 welcome\r\n");
  caller.send("HELO\r\n");
  CHECK(target.read_until("\r\n") == "HELO\r\n");
  caller.end_output();
  CHECK(target.read_to_end().empty());
  target.send("still here\r\n");
  CHECK(caller.read_until("\r\n") == "still here\r\n");
  target.close();
  CHECK(caller.read_to_end().empty());
  caller.close();
  const RecordedCall call = bed.only_call();
  CHECK(call.function == "tcp:connect");
  CHECK_FALSE(call.allowed);
  CHECK(call.reason == "protocol_not_http1");
  CHECK(call.stream[0] == "HELO\r\n");
  CHECK(call.stream[1] == "220 welcome\r\nstill here\r\n");
  CHECK(call.outcome == record::Outcome::completed);
}

TEST_CASE("a reset passes through an observed flow both ways") {
  for (const bool by_target : {false, true}) {
    Bed bed({}, plaintext_policy("observe"));
    Peer caller = bed.call();
    Peer target = bed.target.accept();
    target.send("x");
    caller.read_exactly(1);
    if (by_target) {
      target.reset();
      CHECK(caller.ends_with_reset());
    } else {
      caller.reset();
      CHECK(target.ends_with_reset());
    }
    CHECK(bed.records().sessions[0].outcome ==
          (by_target ? record::Outcome::failed : record::Outcome::caller_aborted));
  }
}

TEST_CASE("what stops being HTTP is recorded as opaque bytes from there on") {
  Bed bed({}, plaintext_policy("observe"));
  Peer caller = bed.call();
  const std::string request = get("/ws", "Connection: Upgrade\r\nUpgrade: websocket\r\n");
  caller.send(request);
  Peer target = bed.target.accept();
  target.read_exactly(request.size());
  const std::string answer =
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
  target.send(answer + "frames");
  CHECK(caller.read_exactly(answer.size() + 6) == answer + "frames");
  caller.send("more");
  CHECK(target.read_exactly(4) == "more");
  caller.close();
  target.read_to_end();
  target.close();
  const Records records = bed.records();
  REQUIRE(records.calls.size() == 2);
  CHECK(records.calls[0].status == 101);
  CHECK(records.calls[1].stream[0] == "more");
  CHECK(records.calls[1].stream[1] == "frames");
}

TEST_CASE("observed bytes go on when the ring is full, and the record says that it has a gap") {
  NodeOptions options;
  options.ring_size = 64U << 10U;
  Bed bed(options, plaintext_policy("observe"));
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
  const RecordedCall call = bed.only_call();
  CHECK(call.code == "record_gap");
  CHECK(call.response_size == body.size());
  CHECK(call.body[1].size() < body.size());
  CHECK(body.substr(0, call.body[1].size()) == call.body[1]);
}

TEST_CASE("an observed target that refuses is recorded, and the caller reset") {
  Bed bed({}, plaintext_policy("observe"));
  bed.target.socket.reset();
  Peer caller = bed.call();
  CHECK(caller.ends_with_reset());
  const Records records = bed.records();
  CHECK(records.sessions[0].code == "connect_refused");
  CHECK(records.sessions[0].outcome == record::Outcome::failed);
}

TEST_CASE("a slow observed reader slows its writer") {
  Bed bed({}, plaintext_policy("observe"));
  Peer caller = bed.call();
  caller.send("\x01");
  Peer target = bed.target.accept();
  const std::string piece(65536, 'x');
  std::size_t sent = 0;
  for (int idle = 0; idle < 200;) {
    const std::size_t taken = target.send_some(piece);
    sent += taken;
    idle = taken == 0 ? idle + 1 : 0;
    (void)bed.node.counters();
    REQUIRE(sent < (64U << 20U));
  }
  CHECK(caller.read_exactly(sent).size() == sent);
}

TEST_CASE("an observed flow is closed between two calls when its policy begins to enforce") {
  Bed bed({}, plaintext_policy("observe"));
  Peer caller = bed.call();
  caller.send(get("/forbidden"));
  Peer target = bed.target.accept();
  target.read_until("\r\n\r\n");
  target.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  caller.read_response();
  bed.node.set_policy(plaintext_policy("enforce"));
  CHECK(caller.read_to_end().empty());
  Peer again = bed.call();
  again.send(get("/forbidden"));
  CHECK(again.read_response().substr(9, 3) == "403");
}

TEST_CASE("a request that is under way when the policy begins to enforce is finished, and none follows it") {
  Bed bed({}, plaintext_policy("observe"));
  Peer caller = bed.call();
  const std::string head = "POST /a HTTP/1.1\r\nHost: target.test\r\nContent-Length: 4\r\n\r\n";
  caller.send(head + "ab");
  Peer target = bed.target.accept();
  CHECK(target.read_exactly(head.size() + 2) == head + "ab");
  bed.node.set_policy(plaintext_policy("enforce"));
  caller.send("cd" + get("/forbidden"));
  CHECK(target.read_exactly(2) == "cd");
  target.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  CHECK(caller.read_response().substr(9, 3) == "200");
  CHECK(target.read_to_end().empty());
  caller.close();
  const Records records = bed.records();
  REQUIRE(records.calls.size() == 1);
  CHECK(records.calls[0].outcome == record::Outcome::completed);
  CHECK(records.sessions[0].outcome == record::Outcome::refused);
  CHECK(records.sessions[0].code == "mode_changed");
}

TEST_CASE("half a head that was sent before the policy began to enforce is not completed") {
  Bed bed({}, plaintext_policy("observe"));
  Peer caller = bed.call();
  caller.send("GET /forbidden HTTP/1.1\r\n");
  Peer target = bed.target.accept();
  target.read_until("\r\n");
  bed.node.set_policy(plaintext_policy("enforce"));
  CHECK(target.read_to_end().empty());
  const Records records = bed.records();
  CHECK(records.calls.empty());
  CHECK(records.sessions[0].code == "mode_changed");
}

TEST_CASE("opaque bytes end when draining would once the policy enforces") {
  NodeOptions options;
  options.limits.set_drain_timeout(200);
  Bed bed(options, plaintext_policy("observe"));
  Peer caller = bed.call();
  caller.send("\x01");
  Peer target = bed.target.accept();
  target.read_exactly(1);
  bed.node.set_policy(plaintext_policy("enforce"));
  CHECK(caller.ends_with_reset());
  CHECK(target.ends_with_reset());
  const Records records = bed.records();
  CHECK(records.sessions[0].outcome == record::Outcome::failed);
  CHECK(records.sessions[0].code == "mode_changed");
}

TEST_CASE("an observed flow that waits for its connection begins anew when the policy begins to enforce") {
  NodeOptions options;
  options.give_sockets = false;
  Bed bed(options, plaintext_policy("observe"));
  Peer caller = bed.call();
  caller.send(get("/forbidden"));
  while (bed.node.counters().open_connections() == 0) {
  }
  bed.node.set_policy(plaintext_policy("enforce"));
  CHECK(caller.read_response().substr(9, 3) == "403");
  CHECK_FALSE(bed.target.has_connection());
}

TEST_CASE("an observed target that goes on after an early answer is recorded as opaque bytes") {
  Bed bed({}, plaintext_policy("observe"));
  Peer caller = bed.call();
  caller.send("POST /a HTTP/1.1\r\nHost: target.test\r\nContent-Length: 4\r\n\r\n");
  Peer target = bed.target.accept();
  target.read_until("\r\n\r\n");
  const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  target.send(answer + "endless");
  CHECK(caller.read_exactly(answer.size() + 7) == answer + "endless");
  caller.close();
  target.read_to_end();
  target.close();
  const Records records = bed.records();
  REQUIRE(records.calls.size() == 2);
  CHECK(records.calls[0].status == 200);
  CHECK(records.calls[1].stream[1] == "endless");
}
