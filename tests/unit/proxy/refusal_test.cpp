// What never reaches a target.
#include <catch2/catch.hpp>

#include "bed.hpp"

using namespace callgate;
using namespace callgate::test;
using namespace std::string_literals;

namespace {

// A request that must be let through, to show that the others could have been.
void check_that_calls_pass(Bed& bed) {
  Peer caller = bed.call();
  caller.send(get("/ok"));
  Peer target = bed.target.accept();
  CHECK(target.read_until("\r\n\r\n").substr(0, 7) == "GET /ok");
  target.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  caller.read_response();
}

}  // namespace

TEST_CASE("a denied call is told why and by whom, and the target hears nothing") {
  Bed bed;
  Peer caller = bed.call();
  caller.send(get("/forbidden/fruit"));
  const std::string answer = caller.read_response();
  CHECK(answer.substr(0, 12) == "HTTP/1.1 403");
  CHECK(answer.find("application/problem+json") != std::string::npos);
  CHECK(answer.find("https://callgate.dev/problems/denied") != std::string::npos);
  CHECK(answer.find("\"policy\":\"test\"") != std::string::npos);
  CHECK(answer.find("\"rule\":\"forbidden\"") != std::string::npos);
  CHECK(answer.find("\"reason\":\"not this one\"") != std::string::npos);
  CHECK_FALSE(bed.target.has_connection());
  // Nothing is wrong with the connection.
  caller.send(get("/ok"));
  Peer target = bed.target.accept();
  target.read_until("\r\n\r\n");
  target.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  CHECK(caller.read_response().substr(9, 3) == "200");
  caller.close();
  const Records records = bed.records();
  REQUIRE(records.calls.size() == 2);
  const RecordedCall& denied = records.calls[0];
  CHECK(answer.find(to_string(records.sessions[0].id)) != std::string::npos);
  CHECK(answer.find(to_string(denied.id)) != std::string::npos);
  CHECK_FALSE(denied.allowed);
  CHECK(denied.outcome == record::Outcome::denied);
  CHECK(denied.status == 403);
  CHECK(denied.code == "denied");
  CHECK(denied.reason == "not this one");
  CHECK(denied.upstreams == 0);
  CHECK(denied.head[1] + denied.body[1] == answer);
  CHECK(bed.node.counters().calls_denied() == 1);
}

TEST_CASE("a denied call with a body ends its connection") {
  Bed bed;
  Peer caller = bed.call();
  caller.send("POST /forbidden HTTP/1.1\r\nHost: target.test\r\nContent-Length: 100000\r\n\r\npart");
  const std::string answer = caller.read_to_end();
  CHECK(answer.substr(0, 12) == "HTTP/1.1 403");
  CHECK(answer.find("Connection: close") != std::string::npos);
  CHECK_FALSE(bed.target.has_connection());
}

TEST_CASE("a target that no policy names is denied") {
  Bed bed;
  Peer caller = bed.call();
  caller.send("GET / HTTP/1.1\r\nHost: other.test\r\n\r\n");
  CHECK(caller.read_response().substr(0, 12) == "HTTP/1.1 403");
  CHECK_FALSE(bed.target.has_connection());
}

TEST_CASE("ambiguous requests are answered, recorded and never forwarded") {
  const std::string host = "Host: target.test\r\n";
  struct Case {
    std::string request;
    std::string status;
    std::string code;
  };
  const std::vector<Case> cases = {
      {"POST / HTTP/1.1\r\n" + host + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       "400",
       {}},
      {"POST / HTTP/1.1\r\n" + host + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "400", {}},
      {"POST / HTTP/1.1\r\n" + host + "Content-Length: +3\r\n\r\nabc", "400", {}},
      {"POST / HTTP/1.1\r\n" + host + "Content-Length : 3\r\n\r\nabc", "400", {}},
      {"POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: xchunked\r\n\r\n", {}, {}},
      {"POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked, identity\r\n\r\n", {}, {}},
      {"GET / HTTP/1.1\r\n" + host + "X: a\r\n b\r\n\r\n", "400", {}},
      {"GET / HTTP/1.1\n" + host + "\r\n", "400", {}},
      {"GET / HTTP/1.1\r\n" + host + "X: a\rb\r\n\r\n", "400", {}},
      {"GET / HTTP/1.1\r\n" + host + host + "\r\n", "400", {}},
      {"GET / HTTP/1.1\r\n" + host + "Host: other.test\r\n\r\n", "400", {}},
      {"GET / HTTP/1.1\r\n\r\n", "400", {}},
      {"GET http://a.test/ HTTP/1.1\r\n" + host + "\r\n", "400", {}},
      {"GET /%2e%2e/%2e%2e/x HTTP/1.1\r\n" + host + "\r\n", "400", "path_above_root"},
      {"GET /a%2fb HTTP/1.1\r\n" + host + "\r\n", "400", "ambiguous_path"},
      {"GET /%zz HTTP/1.1\r\n" + host + "\r\n", "400", {}},
      {"GET / HTTP/2.0\r\n" + host + "\r\n", {}, {}},
      {"GET / HTTP/1.1\r\nHost: target.test:1\r\n\r\n", "421", "port_mismatch"},
  };
  Bed bed;
  check_that_calls_pass(bed);
  for (const Case& one : cases) {
    INFO(one.request);
    Peer caller = bed.call();
    caller.send(one.request);
    const std::string answer = caller.read_response();
    CHECK(answer.substr(0, 9) == "HTTP/1.1 ");
    CHECK((answer[9] == '4' || answer[9] == '5'));
    if (!one.status.empty()) CHECK(answer.substr(9, 3) == one.status);
    CHECK(answer.find("application/problem+json") != std::string::npos);
    CHECK_FALSE(bed.target.has_connection());
  }
  const Records records = bed.records();
  REQUIRE(records.calls.size() == cases.size() + 1);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const RecordedCall& call = records.calls[i + 1];
    INFO(cases[i].request);
    CHECK(call.outcome == record::Outcome::refused);
    CHECK_FALSE(call.allowed);
    CHECK_FALSE(call.code.empty());
    if (!cases[i].code.empty()) CHECK(call.code == cases[i].code);
    CHECK(call.upstreams == 0);
    CHECK(call.head[0].substr(0, 3) == cases[i].request.substr(0, 3));
  }
}

TEST_CASE("a bad chunk size ends a call before its answer, and the target sees no whole request") {
  Bed bed;
  Peer caller = bed.call();
  caller.send("POST /a HTTP/1.1\r\nHost: target.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  Peer target = bed.target.accept();
  target.read_until("abc\r\n");
  caller.send("zz\r\n");
  const std::string answer = caller.read_to_end();
  CHECK(answer.substr(0, 12) == "HTTP/1.1 400");
  CHECK(target.read_to_end().find("0\r\n") == std::string::npos);
  const RecordedCall call = bed.only_call();
  CHECK(call.outcome == record::Outcome::failed);
  CHECK(call.status == 400);
  CHECK(call.body[0] == "abc");
}

TEST_CASE("tunnels are refused in words") {
  Bed bed;
  Peer tunnel = bed.call();
  tunnel.send("CONNECT target.test:443 HTTP/1.1\r\nHost: target.test:443\r\n\r\n");
  const std::string answer = tunnel.read_response();
  CHECK((answer.substr(9, 3) == "501" || answer.substr(9, 3) == "403"));
  CHECK_FALSE(bed.target.has_connection());
}

TEST_CASE("callers of other protocols are refused in their own") {
  Bed bed;
  Peer sslv2 = bed.call();
  sslv2.send("\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10"s);
  CHECK(sslv2.read_to_end() == "\x15\x03\x00\x00\x02\x02\x46"s);
  Peer http2 = bed.call();
  http2.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  const std::string frames = http2.read_to_end();
  REQUIRE(frames.size() == 26);
  CHECK(frames[3] == 4);
  CHECK(frames.back() == '\x0d');
  Peer opaque = bed.call();
  opaque.send("\x00\x00\x00\x08\x04\xd2\x16\x2f"s);
  CHECK(opaque.ends_with_reset());
  const Records records = bed.records();
  CHECK(records.calls.empty());
  REQUIRE(records.sessions.size() == 3);
  for (const RecordedSession& session : records.sessions) {
    CHECK(session.outcome == record::Outcome::refused);
    CHECK(session.code == "protocol_not_http1");
    CHECK_FALSE(session.detail.empty());
  }
  CHECK_FALSE(bed.target.has_connection());
}

TEST_CASE("a connection without a flow is reset, counted and not recorded") {
  Bed bed;
  check_that_calls_pass(bed);
  bed.node.flows.set_none();
  Peer caller = bed.call();
  CHECK(caller.ends_with_reset());
  CHECK(bed.node.counters().flows_without_origin() == 1);
  CHECK(bed.records().sessions.size() == 1);
}

TEST_CASE("a flow of an unknown workload is reset and recorded") {
  Bed bed;
  kernel::Flow flow = bed.flow();
  flow.workload = 12345;
  bed.node.flows.set(flow);
  Peer caller = bed.call();
  CHECK(caller.ends_with_reset());
  const Records records = bed.records();
  REQUIRE(records.sessions.size() == 1);
  CHECK(records.sessions[0].workload == 12345);
  CHECK(records.sessions[0].code == "unknown_workload");
}

TEST_CASE("connections over the limit are reset and recorded") {
  NodeOptions options;
  options.limits.set_connections_per_workload(1);
  Bed bed(options);
  Peer first = bed.call();
  first.send(get("/forbidden"));
  first.read_response();
  Peer second = bed.call();
  CHECK(second.ends_with_reset());
  first.close();
  const Records records = bed.records();
  REQUIRE(records.sessions.size() == 2);
  CHECK(records.sessions[1].code == "limit_connections");
}

TEST_CASE("plaintext goes only to addresses that the target's name stands for") {
  Bed bed;
  check_that_calls_pass(bed);
  kernel::Flow flow = bed.flow();
  flow.destination = *parse_address("127.0.0.2");
  flow.destination.port = bed.target.port;
  bed.node.flows.set(flow);
  Peer caller = bed.call();
  caller.send(get("/a"));
  const std::string answer = caller.read_response();
  CHECK(answer.substr(0, 12) == "HTTP/1.1 502");
  CHECK(answer.find("plaintext_address_not_resolved") != std::string::npos);
}

TEST_CASE("bytes of what no policy was asked about are stored as the caller's policies say") {
  const std::string nothing = "  record: {payloads: none}\n";
  for (const bool stored : {true, false}) {
    for (const char* mode : {"enforce", "observe"}) {
      Bed bed({}, plaintext_policy(mode) + (stored ? "" : nothing));
      Peer caller = bed.call();
      caller.send(get("/%zz"));
      if (mode[0] == 'o') {
        Peer target = bed.target.accept();
        target.read_until("\r\n\r\n");
        target.close();
        (void)caller.read_to_end();
      } else {
        CHECK(caller.read_response().substr(0, 12) == "HTTP/1.1 400");
      }
      caller.close();
      const RecordedCall call = bed.only_call();
      CHECK_FALSE(call.allowed);
      CHECK((call.payload_limit != 0) == stored);
    }
    Bed bed({}, plaintext_policy() + (stored ? "" : nothing));
    Peer caller = bed.call();
    caller.send("GET /broken\x01 HTTP/1.1\r\n\r\n");
    CHECK(caller.read_response().substr(0, 12) == "HTTP/1.1 400");
    caller.close();
    CHECK((bed.only_call().payload_limit != 0) == stored);
  }
}
