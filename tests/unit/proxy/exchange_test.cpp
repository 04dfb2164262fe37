// Calls that succeed, in every framing.
#include <thread>

#include <catch2/catch.hpp>

#include "bed.hpp"

using namespace callgate;
using namespace callgate::test;

TEST_CASE("a GET reaches the target and its answer the caller, both recorded") {
  Bed bed;
  Peer caller = bed.call();
  caller.send(get("/v1/things?x=1", "Accept: */*\r\n"));
  Peer target = bed.target.accept();
  CHECK(target.read_until("\r\n\r\n") ==
        "GET /v1/things?x=1 HTTP/1.1\r\nHost: target.test\r\nAccept: */*\r\n\r\n");
  target.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello");
  CHECK(caller.read_response() == "HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 5\r\n\r\nhello");
  caller.close();

  const RecordedCall call = bed.only_call();
  CHECK(call.function == "http:GET target.test/v1/things");
  CHECK(call.host == "target.test");
  CHECK(call.allowed);
  CHECK(call.enforced);
  CHECK(call.rule == "all");
  CHECK(call.head[0] == get("/v1/things?x=1", "Accept: */*\r\n"));
  CHECK(call.head[1] == "HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 5\r\n\r\n");
  CHECK(call.body[1] == "hello");
  CHECK(call.upstreams == 1);
  CHECK_FALSE(call.over_tls);
  CHECK(call.outcome == record::Outcome::completed);
  CHECK(call.status == 200);
  CHECK(call.response_size == 5);
}

TEST_CASE("a body of known length streams to the target") {
  Bed bed;
  Peer caller = bed.call();
  caller.send("POST /a HTTP/1.1\r\nHost: target.test\r\nContent-Length: 10\r\n\r\nfirst");
  Peer target = bed.target.accept();
  CHECK(target.read_until("\r\n\r\n") ==
        "POST /a HTTP/1.1\r\nHost: target.test\r\nContent-Length: 10\r\n\r\n");
  CHECK(target.read_exactly(5) == "first");
  caller.send("later");
  CHECK(target.read_exactly(5) == "later");
  target.send("HTTP/1.1 204 No Content\r\n\r\n");
  CHECK(caller.read_response() == "HTTP/1.1 204 No Content\r\n\r\n");
  caller.close();
  const RecordedCall call = bed.only_call();
  CHECK(call.body[0] == "firstlater");
  CHECK(call.request_size == 10);
  CHECK(call.status == 204);
}

TEST_CASE("chunks and trailers pass in both directions") {
  Bed bed;
  Peer caller = bed.call();
  caller.send(
      "POST /a HTTP/1.1\r\nHost: target.test\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n"
      "5;ext=1\r\nhello\r\n6\r\n world\r\n0\r\nX-T: end\r\n\r\n");
  Peer target = bed.target.accept();
  const std::string request = target.read_until("X-T: end\r\n\r\n");
  CHECK(request.find("Transfer-Encoding: chunked") != std::string::npos);
  CHECK(request.find("hello") != std::string::npos);
  target.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  CHECK(caller.read_until("abc\r\n").find("Transfer-Encoding: chunked") != std::string::npos);
  target.send("2\r\nde\r\n0\r\nX-U: last\r\n\r\n");
  CHECK(caller.read_until("X-U: last\r\n\r\n") == "2\r\nde\r\n0\r\nX-U: last\r\n\r\n");
  caller.close();
  const RecordedCall call = bed.only_call();
  CHECK(call.body[0] == "hello world");
  CHECK(call.body[1] == "abcde");
  CHECK(call.trailers[0] == "X-T: end\r\n");
  CHECK(call.trailers[1] == "X-U: last\r\n");
}

TEST_CASE("interim answers reach the caller, and the body waits for them as the caller does") {
  Bed bed;
  Peer caller = bed.call();
  caller.send("PUT /a HTTP/1.1\r\nHost: target.test\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  Peer target = bed.target.accept();
  CHECK(target.read_until("\r\n\r\n").find("Expect: 100-continue") != std::string::npos);
  target.send("HTTP/1.1 100 Continue\r\n\r\n");
  CHECK(caller.read_until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  caller.send("body");
  CHECK(target.read_exactly(4) == "body");
  target.send(
      "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
  CHECK(caller.read_until("\r\n\r\n") == "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
  CHECK(caller.read_response() == "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
  caller.close();
  CHECK(bed.only_call().status == 201);
}

TEST_CASE("an HTTP/1.0 caller gets no interim answers and no chunks") {
  Bed bed;
  Peer caller = bed.call();
  caller.send("GET /a HTTP/1.0\r\nHost: target.test\r\n\r\n");
  Peer target = bed.target.accept();
  CHECK(target.read_until("\r\n\r\n").find("HTTP/1.1\r\n") != std::string::npos);
  target.send(
      "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: "
      "chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  const std::string answer = caller.read_to_end();
  CHECK(answer.find("103") == std::string::npos);
  CHECK(answer.find("chunked") == std::string::npos);
  CHECK(answer.substr(answer.find("\r\n\r\n") + 4) == "abc");
}

TEST_CASE("answers to HEAD and 304 have no body whatever their length says") {
  Bed bed;
  Peer caller = bed.call();
  caller.send("HEAD /a HTTP/1.1\r\nHost: target.test\r\n\r\n");
  Peer target = bed.target.accept();
  target.read_until("\r\n\r\n");
  target.send("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n");
  CHECK(caller.read_until("\r\n\r\n").find("Content-Length: 500") != std::string::npos);
  caller.send(get("/b"));
  target.read_until("\r\n\r\n");
  target.send("HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n");
  caller.read_until("\r\n\r\n");
  caller.send(get("/c"));
  target.read_until("\r\n\r\n");
  target.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  CHECK(caller.read_response().substr(0, 15) == "HTTP/1.1 200 OK");
}

TEST_CASE("pipelined requests are answered in their order") {
  Bed bed;
  Peer caller = bed.call();
  caller.send(get("/1") + "POST /2 HTTP/1.1\r\nHost: target.test\r\nContent-Length: 3\r\n\r\nabc" +
              get("/forbidden") + get("/4"));
  Peer target = bed.target.accept();
  CHECK(target.read_until("\r\n\r\n").substr(0, 6) == "GET /1");
  CHECK(target.is_silent());
  target.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1");
  CHECK(target.read_until("abc").substr(0, 7) == "POST /2");
  target.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2");
  CHECK(target.read_until("\r\n\r\n").substr(0, 6) == "GET /4");
  target.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n4");
  CHECK(caller.read_response().back() == '1');
  CHECK(caller.read_response().back() == '2');
  CHECK(caller.read_response().substr(0, 12) == "HTTP/1.1 403");
  CHECK(caller.read_response().back() == '4');
  caller.close();
  const Records records = bed.records();
  REQUIRE(records.calls.size() == 4);
  CHECK(records.calls[2].outcome == record::Outcome::denied);
  CHECK(records.sessions[0].calls == 4);
}

TEST_CASE("a connection to the target serves the next caller") {
  Bed bed;
  Peer first = bed.call();
  first.send(get("/1"));
  Peer target = bed.target.accept();
  target.read_until("\r\n\r\n");
  target.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  first.read_response();
  first.close();
  Peer second = bed.call();
  second.send(get("/2"));
  CHECK(target.read_until("\r\n\r\n").substr(0, 6) == "GET /2");
  target.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  second.read_response();
  CHECK(target.read_to_end().empty());
  second.send(get("/3"));
  Peer fresh = bed.target.accept();
  fresh.read_until("\r\n\r\n");
  fresh.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  second.read_response();
  CHECK(bed.node.counters().pooled_connections() == 1);
  second.close();
  const Records records = bed.records();
  CHECK_FALSE(records.calls[0].reused);
  CHECK(records.calls[1].reused);
  CHECK_FALSE(records.calls[2].reused);
}

TEST_CASE("a body that ends with the connection becomes chunks, and the caller's connection stays") {
  Bed bed;
  Peer caller = bed.call();
  caller.send(get("/1"));
  Peer target = bed.target.accept();
  target.read_until("\r\n\r\n");
  target.send("HTTP/1.0 200 OK\r\n\r\nabc");
  target.close();
  CHECK(caller.read_until("0\r\n\r\n").find("\r\n3\r\nabc\r\n") != std::string::npos);
  caller.send(get("/2"));
  Peer again = bed.target.accept();
  again.read_until("\r\n\r\n");
  again.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  CHECK(caller.read_response().substr(9, 3) == "200");
}

TEST_CASE("Connection: close is honoured, and hop-by-hop fields go no further") {
  Bed bed;
  Peer caller = bed.call();
  caller.send(
      get("/1", "Connection: close, X-Hop\r\nX-Hop: 1\r\nProxy-Authorization: secret\r\nX-End: 2\r\n"));
  Peer target = bed.target.accept();
  const std::string request = target.read_until("\r\n\r\n");
  CHECK(request == "GET /1 HTTP/1.1\r\nHost: target.test\r\nX-End: 2\r\n\r\n");
  target.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nKeep-Alive: timeout=5\r\n\r\nok");
  const std::string answer = caller.read_to_end();
  CHECK(answer.find("Connection: close") != std::string::npos);
  CHECK(answer.find("Keep-Alive") == std::string::npos);
}

TEST_CASE("an exchange is the same wherever its bytes are split") {
  const std::string request =
      "POST /a/b HTTP/1.1\r\nHost: target.test\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n2\r\nde\r\n0\r\nX-T: 1\r\n\r\n";
  const std::string answer =
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
      "4\r\nwxyz\r\n0\r\nX-U: 2\r\n\r\n";
  Bed bed;
  Peer caller = bed.call();
  Peer target{Fd()};
  std::size_t exchanges = 0;
  const auto exchange = [&](std::size_t request_split, std::size_t answer_split) {
    caller.send(request.substr(0, request_split));
    // The worker has seen the first part once it answers a question that was asked after it.
    (void)bed.node.counters();
    caller.send(request.substr(request_split));
    if (exchanges++ == 0) target = bed.target.accept();
    target.read_until("X-T: 1\r\n\r\n");
    target.send(answer.substr(0, answer_split));
    (void)bed.node.counters();
    target.send(answer.substr(answer_split));
    caller.read_until("X-U: 2\r\n\r\n");
  };
  for (std::size_t split = 0; split <= request.size(); ++split)
    exchange(split, answer.size());
  for (std::size_t split = 0; split <= answer.size(); ++split)
    exchange(request.size(), split);
  caller.close();
  const Records records = bed.records();
  REQUIRE(records.calls.size() == exchanges);
  for (const RecordedCall& call : records.calls) {
    CHECK(call.outcome == record::Outcome::completed);
    CHECK(call.body[0] == "abcde");
    CHECK(call.trailers[0] == "X-T: 1\r\n");
    CHECK(call.body[1] == "wxyz");
    CHECK(call.trailers[1] == "X-U: 2\r\n");
    CHECK(call.head[0] == request.substr(0, request.find("\r\n\r\n") + 4));
  }
}

TEST_CASE("large bodies pass whole in both directions at once") {
  NodeOptions options;
  options.ring_size = 64U << 20U;
  Bed bed(options);
  std::string large(3U << 20U, 'x');
  for (std::size_t i = 0; i < large.size(); ++i)
    large[i] = static_cast<char>('a' + i % 23);
  Peer caller = bed.call();
  std::thread sender([&] {
    caller.send("POST /a HTTP/1.1\r\nHost: target.test\r\nContent-Length: " + std::to_string(large.size()) +
                "\r\n\r\n");
    caller.send(large);
  });
  Peer target = bed.target.accept();
  target.read_until("\r\n\r\n");
  CHECK(target.read_exactly(large.size()) == large);
  sender.join();
  std::thread answerer([&] {
    target.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(large.size()) + "\r\n\r\n");
    target.send(large);
  });
  caller.read_until("\r\n\r\n");
  CHECK(caller.read_exactly(large.size()) == large);
  answerer.join();
  caller.close();
  const RecordedCall call = bed.only_call();
  CHECK(call.body[0] == large);
  CHECK(call.body[1] == large);
  CHECK(call.outcome == record::Outcome::completed);
}
