// Calls that are decided with their bodies, and calls that are counted.
#include <thread>

#include <catch2/catch.hpp>

#include "bed.hpp"

using namespace callgate;
using namespace callgate::test;

namespace {

const std::string amounts = R"(apiVersion: callgate.dev/v1
kind: CallPolicy
metadata: {name: refunds}
spec:
  callers: [{workload: "*"}]
  targets: [{host: target.test, upstream: {tls: plaintext}}]
  rules:
    - {name: small, functions: ["http:POST /refunds"], when: call.body.amount <= 100.0, action: allow}
    - {name: read, functions: ["http:GET /**"], action: allow}
)";

std::string post(const std::string& body, const std::string& fields = {}) {
  return "POST /refunds HTTP/1.1\r\nHost: target.test\r\nContent-Type: application/json\r\n" + fields +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string observed(std::string policy) {
  policy.insert(policy.find("  callers"), "  mode: observe\n");
  return policy;
}

std::string counting(const std::string& limit) {
  return R"(apiVersion: callgate.dev/v1
kind: CallPolicy
metadata: {name: counted}
spec:
  callers: [{workload: "*"}]
  targets: [{host: target.test, upstream: {tls: plaintext}}]
  rules:
    - {name: some, functions: ["http:* /**"], action: allow, limit: )" +
         limit + "}\n";
}

}  // namespace

TEST_CASE("a call waits for the body that a condition looks into, and leaves with it once allowed") {
  Bed bed;
  bed.node.set_policy(amounts);
  Peer caller = bed.call();
  const std::string call = post(R"({"amount": 99})");
  caller.send(call);
  Peer target = bed.target.accept();
  const std::string seen = target.read_until("99}");
  CHECK(seen.ends_with("\r\n\r\n{\"amount\": 99}"));
  target.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  CHECK(caller.read_response().ends_with("ok"));
  // The connection is as good as ever.
  caller.send(get("/next"));
  CHECK(target.read_until("\r\n\r\n").starts_with("GET /next"));
  target.send("HTTP/1.1 204 No Content\r\n\r\n");
  CHECK(caller.read_response().starts_with("HTTP/1.1 204"));
  caller.close();
  const auto calls = bed.records().calls;
  REQUIRE(calls.size() == 2);
  CHECK(calls[0].rule == "small");
  CHECK(calls[0].body[0] == R"({"amount": 99})");
  CHECK(calls[0].request_size == 14);
}

TEST_CASE("however a call is split, nothing of it leaves before its decision") {
  const std::string call = post(R"({"amount": 101})");
  for (std::size_t first = 1; first < call.size(); first += 7) {
    CAPTURE(first);
    Bed bed;
    bed.node.set_policy(amounts);
    Peer caller = bed.call();
    caller.send(call.substr(0, first));
    caller.send(call.substr(first));
    const std::string answer = caller.read_response();
    CHECK(answer.starts_with("HTTP/1.1 403"));
    CHECK(answer.find("no_rule_matches") != std::string::npos);
    CHECK_FALSE(bed.target.has_connection());
    caller.close();
    CHECK(bed.only_call().body[0] == R"({"amount": 101})");
  }
}

TEST_CASE("the target is not even dialled while the body is not complete") {
  Bed bed;
  bed.node.set_policy(amounts);
  Peer caller = bed.call();
  const std::string call = post(R"({"amount": 99})");
  caller.send(call.substr(0, call.size() - 1));
  // A second connection that passes shows that the first one had its turn.
  Peer other = bed.call();
  other.send(get("/other"));
  Peer target = bed.target.accept();
  CHECK(target.read_until("\r\n\r\n").starts_with("GET /other"));
  CHECK_FALSE(bed.target.has_connection());
  caller.send(call.substr(call.size() - 1));
  Peer second = bed.target.accept();
  CHECK(second.read_until("99}").starts_with("POST /refunds"));
}

TEST_CASE("chunks are put together for the decision, and go on as chunks") {
  Bed bed;
  bed.node.set_policy(amounts);
  Peer caller = bed.call();
  caller.send(
      "POST /refunds HTTP/1.1\r\nHost: target.test\r\nContent-Type: application/json\r\n"
      "Transfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n6\r\n{\"amou\r\n");
  caller.send("8\r\nnt\": 99}\r\n0\r\nX-T: end\r\n\r\n");
  Peer target = bed.target.accept();
  const std::string seen = target.read_until("X-T: end\r\n\r\n");
  CHECK(seen.find("e\r\n{\"amount\": 99}\r\n0\r\nX-T: end\r\n\r\n") != std::string::npos);
}

TEST_CASE("an empty body is a body too, and what comes behind it is the next call") {
  Bed bed;
  std::string policy = amounts;
  policy.replace(policy.find("call.body.amount <= 100.0"), 25, "call.size == 0");
  bed.node.set_policy(policy);
  Peer caller = bed.call();
  caller.send("POST /refunds HTTP/1.1\r\nHost: target.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" +
              get("/next"));
  Peer target = bed.target.accept();
  CHECK(target.read_until("0\r\n\r\n").starts_with("POST /refunds"));
  target.send("HTTP/1.1 204 No Content\r\n\r\n");
  CHECK(target.read_until("\r\n\r\n").starts_with("GET /next"));
  target.send("HTTP/1.1 204 No Content\r\n\r\n");
  CHECK(caller.read_response().starts_with("HTTP/1.1 204"));
  CHECK(caller.read_response().starts_with("HTTP/1.1 204"));
  caller.close();
  CHECK(bed.records().calls.size() == 2);
}

TEST_CASE("a held body does not swallow the call behind it") {
  Bed bed;
  bed.node.set_policy(amounts);
  Peer caller = bed.call();
  caller.send(post(R"({"amount": 101})") + post(R"({"amount": 1})") + get("/third"));
  CHECK(caller.read_response().starts_with("HTTP/1.1 403"));
  Peer target = bed.target.accept();
  CHECK(target.read_until("1}").starts_with("POST /refunds"));
  target.send("HTTP/1.1 204 No Content\r\n\r\n");
  CHECK(caller.read_response().starts_with("HTTP/1.1 204"));
  CHECK(target.read_until("\r\n\r\n").starts_with("GET /third"));
}

TEST_CASE("a caller that waits for 100 (Continue) is asked for the body that the decision needs") {
  Bed bed;
  bed.node.set_policy(amounts);
  Peer caller = bed.call();
  const std::string body = R"({"amount": 101})";
  const std::string call = post(body, "Expect: 100-continue\r\n");
  caller.send(call.substr(0, call.size() - body.size()));
  CHECK(caller.read_until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  caller.send(body);
  CHECK(caller.read_response().starts_with("HTTP/1.1 403"));
  CHECK_FALSE(bed.target.has_connection());
}

TEST_CASE("a body that is too large, not what it says, or never comes is no permission") {
  NodeOptions options;
  options.limits.set_decision_body_bytes(1000);
  options.limits.set_body_timeout(100);
  Bed bed(options);
  bed.node.set_policy(amounts);
  const auto refused = [&](const std::string& bytes, const std::string& status, const std::string& reason) {
    Peer caller = bed.call();
    caller.send(bytes);
    const std::string answer = caller.read_response();
    CHECK(answer.starts_with("HTTP/1.1 " + status));
    CHECK(answer.find(reason) != std::string::npos);
  };
  refused(post(std::string(1001, ' ')), "403", "body_too_large");
  refused(post("amount=1"), "403", "body_not_json");
  refused(post(R"({"amount": 1, "amount": 1000})"), "403", "body_ambiguous");
  refused(post(R"({"amount": 1})", "Content-Encoding: gzip\r\n"), "403", "body_encoded");
  refused(post(R"({"price": 1})"), "403", "condition_error");
  const std::string whole = post(R"({"amount": 1})");
  refused(whole.substr(0, whole.size() - 1), "408", "body_timeout");
  refused("POST /refunds HTTP/1.1\r\nHost: target.test\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "400",
          "chunk");
  CHECK_FALSE(bed.target.has_connection());
}

TEST_CASE("a body of exactly the limit is decided, and large ones reach the target whole") {
  NodeOptions options;
  options.limits.set_decision_body_bytes(300'000);
  Bed bed(options);
  bed.node.set_policy(amounts);
  Peer caller = bed.call();
  const std::string body = R"({"amount": 1, "note": ")" + std::string(300'000 - 25, 'x') + "\"}";
  REQUIRE(body.size() == 300'000);
  caller.send(post(body));
  Peer target = bed.target.accept();
  target.read_until("\r\n\r\n");
  CHECK(target.read_exactly(body.size()) == body);
  target.send("HTTP/1.1 204 No Content\r\n\r\n");
  CHECK(caller.read_response().starts_with("HTTP/1.1 204"));
  caller.close();
  CHECK(bed.only_call().body[0] == body);
}

TEST_CASE("a call over its limit is answered 429, with the time after which to try again") {
  Bed bed;
  bed.node.set_policy(counting("{calls: 2, per: 1h, by: caller.id}"));
  Peer caller = bed.call();
  caller.send(get("/1"));
  Peer target = bed.target.accept();
  for (int i = 1; i <= 2; ++i) {
    if (i == 2) caller.send(get("/2"));
    target.read_until("\r\n\r\n");
    target.send("HTTP/1.1 204 No Content\r\n\r\n");
    CHECK(caller.read_response().starts_with("HTTP/1.1 204"));
  }
  caller.send(get("/3"));
  const std::string answer = caller.read_response();
  CHECK(answer.starts_with("HTTP/1.1 429 Too Many Requests"));
  CHECK(answer.find("\r\nRetry-After: 36") != std::string::npos);
  CHECK(answer.find("problems/limit_exceeded") != std::string::npos);
  CHECK(answer.find("rule some of policy counted allows 2 calls in 3600 s") != std::string::npos);
  caller.close();
  const auto calls = bed.records().calls;
  REQUIRE(calls.size() == 3);
  CHECK(calls[2].outcome == record::Outcome::denied);
  CHECK(calls[2].code == "limit_exceeded");
  // The counters do not care for policies that say the same again.
  bed.node.set_policy(counting("{calls: 2, per: 1h, by: caller.id}"));
  Peer again = bed.call();
  again.send(get("/4"));
  CHECK(again.read_response().starts_with("HTTP/1.1 429"));
}

TEST_CASE("a call that was not made after all is not counted") {
  Bed bed;
  bed.node.set_policy(counting("{calls: 1, per: 1h}"));
  bed.target.socket.reset();
  for (int i = 0; i < 3; ++i) {
    Peer caller = bed.call();
    caller.send(get("/1"));
    CHECK(caller.read_response().starts_with("HTTP/1.1 502"));
  }
}

TEST_CASE("bytes over their limit do not pass") {
  Bed bed;
  bed.node.set_policy(counting("{bytes: 1KiB, per: 1h}"));
  Peer caller = bed.call();
  caller.send(get("/1"));
  Peer target = bed.target.accept();
  target.read_until("\r\n\r\n");
  target.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + std::string(1000, 'a'));
  CHECK(caller.read_response().ends_with("aaa"));
  caller.send(get("/2"));
  target.read_until("\r\n\r\n");
  target.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + std::string(100, 'b'));
  const std::string answer = caller.read_response();
  CHECK(answer.starts_with("HTTP/1.1 429"));
  CHECK(answer.find('b' + std::string(10, 'b')) == std::string::npos);
}

TEST_CASE("a call under way and an idle connection end when their target is forbidden, and no others") {
  const std::string other = R"(apiVersion: callgate.dev/v1
kind: CallPolicy
metadata: {name: other}
spec:
  callers: [{workload: "*"}]
  targets: [{host: other.test}]
  rules: [{name: all, functions: ["*"], action: allow}]
)";
  Bed bed;
  Peer idle = bed.call();
  idle.send(get("/1"));
  Peer first = bed.target.accept();
  first.read_until("\r\n\r\n");
  first.send("HTTP/1.1 204 No Content\r\n\r\n");
  CHECK(idle.read_response().starts_with("HTTP/1.1 204"));
  Peer waiting = bed.call();
  waiting.send(get("/2"));
  first.read_until("\r\n\r\n");
  Peer streaming = bed.call();
  streaming.send(get("/3"));
  Peer second = bed.target.accept();
  second.read_until("\r\n\r\n");
  second.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
  CHECK(streaming.read_until("half").starts_with("HTTP/1.1 200"));
  // The same target with other rules: what was allowed goes on.
  bed.node.set_policy(counting("{calls: 100, per: 1h}"));
  second.send("and");
  CHECK(streaming.read_exactly(3) == "and");
  bed.node.set_policy(other);
  CHECK(idle.read_to_end().empty());
  const std::string answer = waiting.read_response();
  CHECK(answer.starts_with("HTTP/1.1 403"));
  CHECK(answer.find("policy_changed") != std::string::npos);
  CHECK(streaming.ends_with_reset());
}

TEST_CASE("connections that nobody reads are counted too, and their bytes") {
  const auto opaque = [](const std::string& limit) {
    return R"(apiVersion: callgate.dev/v1
kind: CallPolicy
metadata: {name: counted}
spec:
  callers: [{workload: "*"}]
  targets: [{host: target.test, upstream: {tls: plaintext}}]
  rules: [{name: some, functions: ["tcp:connect"], action: allow, limit: )" +
           limit + "}]\n";
  };
  SECTION("how many there may be") {
    Bed bed;
    bed.node.set_policy(opaque("{calls: 1, per: 1h}"));
    Peer first = bed.call();
    first.send("HELO\r\n");
    Peer target = bed.target.accept();
    CHECK(target.read_exactly(6) == "HELO\r\n");
    Peer second = bed.call();
    second.send("HELO\r\n");
    CHECK(second.ends_with_reset());
    CHECK_FALSE(bed.target.has_connection());
    first.close();
    target.close();
    const auto calls = bed.records().calls;
    REQUIRE(calls.size() == 2);
    CHECK(calls[1].code == "limit_exceeded");
    CHECK(calls[1].outcome == record::Outcome::denied);
  }
  SECTION("how much may pass") {
    Bed bed;
    bed.node.set_policy(opaque("{bytes: 1KiB, per: 1h}"));
    Peer caller = bed.call();
    caller.send(std::string(1000, 'a'));
    Peer target = bed.target.accept();
    CHECK(target.read_exactly(1000).size() == 1000);
    target.send(std::string(100, 'b'));
    CHECK(caller.ends_with_reset());
  }
}

TEST_CASE("what is only observed is decided with its body too, once that has gone by") {
  Bed bed;
  bed.node.set_policy(observed(amounts));
  const std::string large = R"({"amount": 1, "x": ")" + std::string(70'000, 'x') + "\"}";
  struct Row {
    std::string call;
    bool allowed;
    std::string rule;
    std::string reason;
  };
  const std::vector<Row> rows{
      {post(R"({"amount": 99})"), true, "small", "allowed_by_rule"},
      {post(R"({"amount": 999})"), false, "", "no_rule_matches"},
      {post("amount"), false, "small", "body_not_json"},
      {post(""), false, "small", "body_not_json"},
      {post(large), false, "small", "body_too_large"},
      {"POST /refunds HTTP/1.1\r\nHost: target.test\r\nContent-Type: application/json\r\n"
       "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"amo\r\n9\r\nunt\": 12}\r\n0\r\n\r\n",
       true, "small", "allowed_by_rule"},
  };
  Peer caller = bed.call();
  Peer target = [&] {
    caller.send(get("/first"));
    Peer accepted = bed.target.accept();
    accepted.read_until("\r\n\r\n");
    return accepted;
  }();
  target.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  caller.read_response();
  for (const Row& row : rows) {
    std::thread sender([&] { caller.send(row.call); });
    CHECK(target.read_exactly(row.call.size()) == row.call);
    sender.join();
    target.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    CHECK(caller.read_response().substr(9, 3) == "200");
  }
  // Of a body whose end nobody saw, nobody can tell.
  const std::string whole = post(R"({"amount": 5})");
  const std::string part = whole.substr(0, whole.size() - 1);
  caller.send(part);
  target.read_exactly(part.size());
  caller.close();
  target.read_to_end();
  target.close();
  const auto calls = bed.records().calls;
  REQUIRE(calls.size() == rows.size() + 2);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    CAPTURE(i);
    CHECK_FALSE(calls[i + 1].enforced);
    CHECK(calls[i + 1].allowed == rows[i].allowed);
    CHECK(calls[i + 1].rule == rows[i].rule);
    CHECK(calls[i + 1].reason == rows[i].reason);
  }
  CHECK(calls.back().reason == "body_needed");
}

TEST_CASE("a policy on trial looks into bodies that nothing waits for") {
  Bed bed;
  bed.node.set_policy(plaintext_policy() + R"(---
apiVersion: callgate.dev/v1
kind: CallPolicy
metadata: {name: trial}
spec:
  mode: observe
  callers: [{workload: "*"}]
  targets: [{host: target.test, upstream: {tls: plaintext}}]
  rules:
    - {name: large, functions: ["http:POST /refunds"], when: call.body.amount > 100.0, action: deny}
)");
  const auto tried = [&](const std::string& call) {
    Peer caller = bed.call();
    std::thread sender([&] { caller.send(call); });
    Peer target = bed.target.accept();
    target.read_until("\r\n\r\n");
    const std::size_t body = call.size() - call.find("\r\n\r\n") - 4;
    CHECK(target.read_exactly(body) == call.substr(call.size() - body));
    sender.join();
    target.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    CHECK(caller.read_response().substr(9, 3) == "200");
    caller.close();
    return bed.records().calls.back();
  };
  CHECK(tried(post(R"({"amount": 99})")).trial_reason.empty());
  CHECK(tried(post(R"({"amount": 999})")).trial_reason == "denied_by_rule");
  CHECK(tried(post(R"({"amount": 1, "x": ")" + std::string(70'000, 'x') + "\"}")).trial_reason ==
        "body_too_large");
  const RecordedCall call = tried(post("[]"));
  CHECK(call.trial_reason == "condition_error");
  CHECK(call.allowed);
  CHECK(call.enforced);
  CHECK(call.rule == "all");
  CHECK(call.trial_rule == "large");
}
