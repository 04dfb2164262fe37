// Every wait ends, and nothing grows with what a peer sends.
#include <thread>

#include <catch2/catch.hpp>

#include "bed.hpp"

using namespace callgate;
using namespace callgate::test;

namespace {

constexpr std::uint32_t soon = 100;  // milliseconds

NodeOptions with(void (v1::ProxyLimits::*set)(std::uint32_t), std::uint32_t value) {
  NodeOptions options;
  (options.limits.*set)(value);
  return options;
}

}  // namespace

TEST_CASE("a caller that sends nothing is closed when a head's time is over") {
  Bed bed(with(&v1::ProxyLimits::set_head_timeout, soon));
  Peer caller = bed.call();
  CHECK(caller.read_to_end().empty());
  const Records records = bed.records();
  CHECK(records.sessions[0].code == "head_timeout");
  CHECK(records.sessions[0].outcome == record::Outcome::refused);
}

TEST_CASE("a head that trickles is refused when its time is over") {
  Bed bed(with(&v1::ProxyLimits::set_head_timeout, soon));
  Peer caller = bed.call();
  caller.send("GET / HTTP/1.1\r\nHost: tar");
  const std::string answer = caller.read_to_end();
  CHECK(answer.substr(0, 12) == "HTTP/1.1 408");
  const RecordedCall call = bed.only_call();
  CHECK(call.outcome == record::Outcome::refused);
  CHECK(call.code == "head_timeout");
  CHECK(call.function == "http:GET ?");
}

TEST_CASE("an idle connection is closed quietly") {
  Bed bed(with(&v1::ProxyLimits::set_idle_timeout, soon));
  Peer caller = bed.call();
  caller.send(get("/forbidden"));
  caller.read_response();
  CHECK(caller.read_to_end().empty());
  CHECK(bed.records().sessions[0].outcome == record::Outcome::completed);
}

TEST_CASE("a body that stops is refused when its time is over") {
  Bed bed(with(&v1::ProxyLimits::set_body_timeout, soon));
  Peer caller = bed.call();
  caller.send("POST / HTTP/1.1\r\nHost: target.test\r\nContent-Length: 5\r\n\r\nab");
  Peer target = bed.target.accept();
  CHECK(caller.read_to_end().substr(0, 12) == "HTTP/1.1 408");
  (void)target.ends_with_reset();
  CHECK(bed.only_call().code == "body_timeout");
}

TEST_CASE("a target that does not answer is a 504") {
  Bed bed(with(&v1::ProxyLimits::set_response_timeout, soon));
  Peer caller = bed.call();
  caller.send(get("/"));
  Peer target = bed.target.accept();
  CHECK(caller.read_response().substr(0, 12) == "HTTP/1.1 504");
  (void)target.ends_with_reset();
  caller.close();
  CHECK(bed.only_call().code == "response_timeout");
}

TEST_CASE("interim answers do not put off the time of the answer, and do not go on without end") {
  std::string interim;
  for (int i = 0; i < 32; ++i)
    interim += "HTTP/1.1 102 Processing\r\n\r\n";
  for (const bool endless : {false, true}) {
    Bed bed(endless ? NodeOptions() : with(&v1::ProxyLimits::set_response_timeout, soon));
    Peer caller = bed.call();
    caller.send(get("/"));
    Peer target = bed.target.accept();
    target.read_until("\r\n\r\n");
    target.send(interim);
    CHECK(caller.read_exactly(interim.size()) == interim);
    if (endless) target.send("HTTP/1.1 102 Processing\r\n\r\n");
    CHECK(caller.read_response().substr(0, 12) == (endless ? "HTTP/1.1 502" : "HTTP/1.1 504"));
    caller.close();
    CHECK(bed.only_call().code == (endless ? "bad_response" : "response_timeout"));
  }
}

TEST_CASE("a target that stops in the middle of its answer resets the caller in time") {
  Bed bed(with(&v1::ProxyLimits::set_stream_timeout, soon));
  Peer caller = bed.call();
  caller.send(get("/"));
  Peer target = bed.target.accept();
  target.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab");
  CHECK(caller.ends_with_reset());
  CHECK(bed.only_call().code == "stream_timeout");
}

TEST_CASE("a caller that does not read ends its call in time") {
  NodeOptions options = with(&v1::ProxyLimits::set_stream_timeout, soon);
  options.ring_size = 64U << 20U;
  Bed bed(options);
  Peer caller = bed.call();
  caller.send(get("/"));
  Peer target = bed.target.accept();
  target.send("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
  const std::string piece(65536, 'x');
  // Until the proxy takes no more and gives up.
  while (bed.node.counters().open_connections() != 0)
    (void)target.send_some(piece);
  CHECK(caller.ends_with_reset());
  const RecordedCall call = bed.only_call();
  CHECK(call.outcome == record::Outcome::caller_aborted);
  CHECK(call.code == "stream_timeout");
}

TEST_CASE("a slow caller slows its target: what is between them is bounded") {
  NodeOptions options;
  options.ring_size = 64U << 20U;
  Bed bed(options);
  Peer caller = bed.call();
  caller.send(get("/"));
  Peer target = bed.target.accept();
  target.read_until("\r\n\r\n");
  const std::size_t size = 48U << 20U;
  target.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n");
  const std::string piece(65536, 'x');
  std::size_t sent = 0;
  // The proxy has taken what it takes once it has answered twice without the target's socket taking more.
  for (int idle = 0; idle < 200;) {
    const std::size_t taken = target.send_some(piece);
    sent += taken;
    idle = taken == 0 ? idle + 1 : 0;
    (void)bed.node.counters();
    REQUIRE(sent < size);
  }
  // Socket buffers take their part; the proxy's own is what it has recorded and not passed on.
  const Records midway = read_records(bed.node.ring_path());
  REQUIRE(midway.calls.size() == 1);
  const std::size_t recorded = midway.calls[0].body[1].size();
  const std::string head = caller.read_until("\r\n\r\n");
  const std::size_t in_sockets = 16U << 20U;
  CHECK(recorded <= in_sockets);
  std::size_t received = 0;
  std::size_t left = sent;
  while (left > 0) {
    const std::size_t part = std::min<std::size_t>(left, 65536);
    received += caller.read_exactly(part).size();
    left -= part;
  }
  CHECK(received == sent);
}

TEST_CASE("without space in the ring calls are refused before the target hears of them") {
  NodeOptions options = with(&v1::ProxyLimits::set_record_timeout, soon);
  options.ring_size = 64U << 10U;
  options.limits.set_head_bytes(8192);
  Bed bed(options);
  {
    Peer caller = bed.call();
    caller.send(get("/a"));
    Peer target = bed.target.accept();
    target.read_until("\r\n\r\n");
    target.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    CHECK(caller.read_response().substr(9, 3) == "200");
  }
  // Denied calls fill the ring: they are recorded too.
  const std::string filler = "X-Filler: " + std::string(4000, 'f') + "\r\n";
  std::size_t denied = 0;
  Peer filling = bed.call();
  std::string answer;
  for (;;) {
    filling.send(get("/forbidden", filler));
    answer = filling.read_response();
    if (answer.substr(9, 3) != "403") break;
    ++denied;
  }
  CHECK(denied > 2);
  CHECK(answer.substr(0, 12) == "HTTP/1.1 503");
  CHECK(answer.find("problems/recording_unavailable") != std::string::npos);
  filling.send(get("/a", filler));
  CHECK(filling.read_response().substr(9, 3) == "503");
  CHECK_FALSE(bed.target.has_connection());
  CHECK(bed.node.counters().calls_refused() == 2);
  filling.close();
  // The flow's end is recorded in what was kept free for that.
  const Records records = bed.records();
  CHECK(records.calls.size() == 1 + denied);
  for (const RecordedCall& call : records.calls)
    CHECK(call.closed);
}

TEST_CASE("an answer that cannot be recorded is cut off") {
  NodeOptions options = with(&v1::ProxyLimits::set_record_timeout, soon);
  options.ring_size = 64U << 10U;
  options.limits.set_head_bytes(8192);
  Bed bed(options);
  Peer caller = bed.call();
  caller.send(get("/"));
  Peer target = bed.target.accept();
  target.read_until("\r\n\r\n");
  target.send("HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n");
  std::thread sender([&] {
    try {
      target.send(std::string(60000, 'x'));
    } catch (...) {
      // Cut off while sending: that is what the test is about.
    }
  });
  CHECK(caller.ends_with_reset());
  sender.join();
  const RecordedCall call = bed.only_call();
  CHECK(call.outcome == record::Outcome::failed);
  CHECK(call.code == "recording_unavailable");
}

TEST_CASE("bodies over the limit are refused") {
  NodeOptions options;
  options.limits.set_request_body_bytes(10);
  options.limits.set_response_body_bytes(10);
  Bed bed(options);
  Peer known = bed.call();
  known.send("POST / HTTP/1.1\r\nHost: target.test\r\nContent-Length: 11\r\n\r\n");
  CHECK(known.read_to_end().substr(0, 12) == "HTTP/1.1 413");
  CHECK_FALSE(bed.target.has_connection());
  Peer caller = bed.call();
  caller.send(get("/"));
  Peer target = bed.target.accept();
  target.read_until("\r\n\r\n");
  target.send("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n");
  CHECK(caller.read_response().substr(0, 12) == "HTTP/1.1 502");
}

TEST_CASE("a head over the limit is refused") {
  NodeOptions options;
  options.limits.set_head_bytes(1000);
  Bed bed(options);
  Peer caller = bed.call();
  caller.send(get("/", "X: " + std::string(2000, 'x') + "\r\n"));
  CHECK(caller.read_to_end().substr(0, 12) == "HTTP/1.1 431");
}

TEST_CASE("without sockets calls wait, and go on when there are some") {
  NodeOptions options;
  options.give_sockets = false;
  Bed bed(options);
  Peer caller = bed.call();
  caller.send(get("/"));
  (void)bed.node.counters();
  CHECK_FALSE(bed.target.has_connection());
  bed.node.give_sockets();
  Peer target = bed.target.accept();
  target.read_until("\r\n\r\n");
  target.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  CHECK(caller.read_response().substr(9, 3) == "200");
}

TEST_CASE("sockets that do not come in time are a 503") {
  NodeOptions options = with(&v1::ProxyLimits::set_connect_timeout, soon);
  options.give_sockets = false;
  Bed bed(options);
  Peer caller = bed.call();
  caller.send(get("/"));
  const std::string answer = caller.read_response();
  CHECK(answer.substr(0, 12) == "HTTP/1.1 503");
  CHECK(answer.find("upstream_socket_unavailable") != std::string::npos);
}
