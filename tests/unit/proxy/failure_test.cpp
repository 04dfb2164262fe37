// Targets and callers that go away, or say what makes no sense.
#include <catch2/catch.hpp>

#include "bed.hpp"

using namespace callgate;
using namespace callgate::test;

TEST_CASE("a target that refuses the connection is a 502 with its reason") {
  Bed bed;
  bed.target.socket.reset();
  Peer caller = bed.call();
  caller.send(get("/a"));
  const std::string answer = caller.read_response();
  CHECK(answer.substr(0, 12) == "HTTP/1.1 502");
  CHECK(answer.find("problems/connect_refused") != std::string::npos);
  caller.close();
  const RecordedCall call = bed.only_call();
  CHECK(call.outcome == record::Outcome::refused);
  CHECK(call.code == "connect_refused");
  CHECK(call.allowed);
}

TEST_CASE("a target that closes a new connection without an answer is a 502, not tried again") {
  Bed bed;
  Peer caller = bed.call();
  caller.send(get("/a"));
  Peer target = bed.target.accept();
  target.read_until("\r\n\r\n");
  target.close();
  CHECK(caller.read_response().substr(0, 12) == "HTTP/1.1 502");
  CHECK_FALSE(bed.target.has_connection());
  caller.close();
  const RecordedCall call = bed.only_call();
  CHECK(call.outcome == record::Outcome::failed);
  CHECK(call.code == "upstream_closed");
}

TEST_CASE("a target that dies in the middle of its answer resets the caller, who cannot take it for whole") {
  for (const bool reset : {false, true}) {
    Bed bed;
    Peer caller = bed.call();
    caller.send(get("/a"));
    Peer target = bed.target.accept();
    target.read_until("\r\n\r\n");
    target.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    caller.read_until("half");
    if (reset) {
      target.reset();
    } else {
      target.close();
    }
    CHECK(caller.ends_with_reset());
    const RecordedCall call = bed.only_call();
    CHECK(call.outcome == record::Outcome::failed);
    CHECK(call.code == (reset ? "upstream_reset" : "upstream_truncated"));
    CHECK(call.body[1] == "half");
    CHECK(call.response_size == 4);
  }
}

TEST_CASE("a stale pooled connection is replaced once for what may be made twice") {
  Bed bed;
  Peer caller = bed.call();
  caller.send(get("/1"));
  Peer target = bed.target.accept();
  target.read_until("\r\n\r\n");
  target.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  caller.read_response();
  caller.send(get("/2"));
  target.read_until("\r\n\r\n");
  target.close();
  Peer fresh = bed.target.accept();
  CHECK(fresh.read_until("\r\n\r\n").substr(0, 6) == "GET /2");
  fresh.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  CHECK(caller.read_response().substr(9, 3) == "200");

  caller.send("POST /3 HTTP/1.1\r\nHost: target.test\r\nContent-Length: 0\r\n\r\n");
  fresh.read_until("\r\n\r\n");
  fresh.close();
  CHECK(caller.read_response().substr(9, 3) == "502");
  CHECK_FALSE(bed.target.has_connection());
}

TEST_CASE("what a target sends after its answer is nobody's answer, however the answer came") {
  const std::string body(GENERATE(10U, 4096U, 8000U, 40'000U, 300'000U), 'b');
  Bed bed;
  Peer caller = bed.call();
  caller.send(get("/one"));
  Peer target = bed.target.accept();
  target.read_until("\r\n\r\n");
  target.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n");
  // What follows comes when the head is read already.
  caller.read_until("\r\n\r\n");
  target.send(body + "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad");
  CHECK(caller.read_exactly(body.size()) == body);
  caller.send(get("/two"));
  Peer fresh = bed.target.accept();
  fresh.read_until("\r\n\r\n");
  fresh.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood");
  CHECK(caller.read_response().find("good") != std::string::npos);
}

TEST_CASE("a pooled connection that the target closes, or speaks on unasked, is not used again") {
  for (const bool speaks : {false, true}) {
    Bed bed;
    Peer caller = bed.call();
    caller.send(get("/1"));
    Peer target = bed.target.accept();
    target.read_until("\r\n\r\n");
    target.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    caller.read_response();
    CHECK(bed.node.counters().pooled_connections() == 1);
    if (speaks) {
      target.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    } else {
      target.end_output();
    }
    (void)target.ends_with_reset();
    while (bed.node.counters().pooled_connections() != 0) {
    }
    caller.send(get("/2"));
    Peer fresh = bed.target.accept();
    fresh.read_until("\r\n\r\n");
    fresh.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood");
    CHECK(caller.read_response().substr(38) == "good");
  }
}

TEST_CASE("answers that make no sense are a 502 while nothing was sent, and a reset afterwards") {
  const std::vector<std::string> answers = {
      "HELLO\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nX : a\r\n\r\n",
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
  };
  for (const std::string& answer : answers) {
    INFO(answer);
    Bed bed;
    Peer caller = bed.call();
    caller.send(get("/a"));
    Peer target = bed.target.accept();
    target.read_until("\r\n\r\n");
    target.send(answer);
    CHECK(caller.read_response().substr(0, 12) == "HTTP/1.1 502");
    caller.close();
    CHECK(bed.only_call().outcome == record::Outcome::failed);
  }
  Bed bed;
  Peer caller = bed.call();
  caller.send(get("/a"));
  Peer target = bed.target.accept();
  target.read_until("\r\n\r\n");
  target.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
  caller.read_until("a\r\n");
  target.send("zz\r\n");
  CHECK(caller.ends_with_reset());
  CHECK(bed.only_call().code == "bad_response");
}

TEST_CASE("an early answer is passed on, and ends both connections") {
  Bed bed;
  Peer caller = bed.call();
  caller.send("POST /a HTTP/1.1\r\nHost: target.test\r\nContent-Length: 1000000\r\n\r\nbeginning");
  Peer target = bed.target.accept();
  target.read_until("beginning");
  target.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nno!");
  const std::string answer = caller.read_to_end();
  CHECK(answer.substr(0, 12) == "HTTP/1.1 413");
  CHECK(answer.find("Connection: close") != std::string::npos);
  CHECK(answer.substr(answer.size() - 3) == "no!");
  (void)target.ends_with_reset();
  const RecordedCall call = bed.only_call();
  CHECK(call.status == 413);
  CHECK(call.outcome == record::Outcome::completed);
  CHECK(call.body[0] == "beginning");
}

TEST_CASE("an answer of a target that stopped reading is still passed on") {
  Bed bed;
  Peer caller = bed.call();
  caller.send("POST /a HTTP/1.1\r\nHost: target.test\r\nContent-Length: 1000000\r\n\r\nbeginning");
  {
    Peer target = bed.target.accept();
    target.read_until("beginning");
    target.send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno");
    target.close();
  }
  CHECK(caller.read_until("no").substr(0, 12) == "HTTP/1.1 401");
}

TEST_CASE("a caller that goes away ends its call at the target") {
  for (const bool answered : {false, true}) {
    Bed bed;
    Peer caller = bed.call();
    caller.send(get("/a"));
    Peer target = bed.target.accept();
    target.read_until("\r\n\r\n");
    if (answered) {
      target.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart");
      caller.read_until("part");
    }
    caller.reset();
    (void)target.ends_with_reset();
    const RecordedCall call = bed.only_call();
    CHECK(call.outcome == record::Outcome::caller_aborted);
    CHECK(call.status == (answered ? 200 : 0));
  }
}

TEST_CASE("a caller that closes in the middle of its body leaves the target without a whole request") {
  Bed bed;
  Peer caller = bed.call();
  caller.send("POST /a HTTP/1.1\r\nHost: target.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  Peer target = bed.target.accept();
  target.read_until("abc\r\n");
  caller.close();
  CHECK(target.read_to_end().empty());
  CHECK(bed.only_call().outcome == record::Outcome::caller_aborted);
}
