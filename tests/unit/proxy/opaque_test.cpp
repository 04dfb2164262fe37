// Flows of bytes that nobody reads, under enforcement: one call of `tcp:connect` each.
#include <thread>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "bed.hpp"

using namespace callgate;
using namespace callgate::test;

namespace {

std::string policy(std::string_view targets, std::string_view rules) {
  return fmt::format(
      "apiVersion: callgate.dev/v1\nkind: CallPolicy\nmetadata: {{name: test}}\nspec:\n"
      "  callers: [{{workload: shop}}]\n  targets: {}\n  rules: {}\n",
      targets, rules);
}

constexpr std::string_view plaintext = "[{host: target.test, upstream: {tls: plaintext}}]";
constexpr std::string_view allowed = "[{name: wire, functions: [\"tcp:connect\"], action: allow}]";
constexpr std::string_view binary = "\x01\x02 not HTTP";

// Nothing is read of the first bytes of a port that is named opaque.
std::string opaque_port(const Bed& bed, std::string_view rules = allowed) {
  return policy(
      fmt::format("[{{host: target.test, port: {}, protocol: opaque, upstream: {{tls: plaintext}}}}]",
                  bed.target.port),
      rules);
}

}  // namespace

TEST_CASE("an allowed opaque flow passes both ways, and both are recorded as they were") {
  Bed bed({}, policy(plaintext, allowed));
  Peer caller = bed.call();
  caller.send(binary);
  Peer target = bed.target.accept();
  CHECK(target.read_exactly(binary.size()) == binary);
  target.send("\x03 answer");
  CHECK(caller.read_exactly(8) == "\x03 answer");
  caller.send("more");
  CHECK(target.read_exactly(4) == "more");
  caller.end_output();
  CHECK(target.read_to_end().empty());
  target.send("after the caller's end");
  target.close();
  CHECK(caller.read_to_end() == "after the caller's end");
  caller.close();
  const RecordedCall call = bed.only_call();
  CHECK(call.function == "tcp:connect");
  CHECK(call.host == "target.test");
  CHECK(call.allowed);
  CHECK(call.enforced);
  CHECK(call.rule == "wire");
  CHECK(call.upstreams == 1);
  CHECK(call.stream[0] == std::string(binary) + "more");
  CHECK(call.stream[1] ==
        "\x03 answer"
        "after the caller's end");
  CHECK(call.request_size == binary.size() + 4);
  CHECK(call.outcome == record::Outcome::completed);
  CHECK(bed.node.counters().calls_allowed() == 1);
}

TEST_CASE("a target may speak first where a policy allows opaque flows") {
  Bed bed({}, policy(plaintext, allowed));
  Peer caller = bed.call();
  Peer target = bed.target.accept();  // although the caller is silent
  target.send("220 welcome\r\n");
  CHECK(caller.read_until("\r\n") == "220 welcome\r\n");
  caller.send("EHLO me\r\n");
  CHECK(target.read_until("\r\n") == "EHLO me\r\n");
  caller.close();
  CHECK(target.read_to_end().empty());
  target.close();
  CHECK(bed.only_call().stream[1] == "220 welcome\r\n");
}

TEST_CASE("a target that speaks first is heard long before its silent caller counts as opaque") {
  NodeOptions options;
  options.limits.set_detect_timeout(16'000);  // longer than anybody here waits for anything
  Bed bed(options, policy(plaintext, allowed));
  Peer caller = bed.call();
  Peer target = bed.target.accept();
  target.send("220 welcome\r\n");
  CHECK(caller.read_until("\r\n") == "220 welcome\r\n");
  caller.send("EHLO me\r\n");
  CHECK(target.read_until("\r\n") == "EHLO me\r\n");
  caller.close();
  CHECK(target.read_to_end().empty());
  target.close();
  const RecordedCall call = bed.only_call();
  CHECK(call.stream[1] == "220 welcome\r\n");
  CHECK(call.stream[0] == "EHLO me\r\n");
  CHECK(call.upstreams == 1);
}

TEST_CASE("what was connected ahead carries nothing where the caller speaks HTTP after all") {
  NodeOptions options;
  options.limits.set_detect_timeout(400);
  options.limits.set_head_timeout(20'000);
  Bed bed(options, policy(plaintext,
                          "[{name: wire, functions: [\"tcp:connect\"], action: allow}, "
                          "{name: web, functions: [\"http:GET /open\"], action: allow}]"));
  Peer caller = bed.call();
  Peer ahead = bed.target.accept();
  caller.send(get("/open"));
  CHECK(ahead.read_to_end().empty());
  Peer target = bed.target.accept();
  target.read_until("\r\n\r\n");
  target.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  CHECK(caller.read_response().find("HTTP/1.1 200 ") == 0);
  caller.close();
  const Records records = bed.records();
  REQUIRE(records.calls.size() == 2);
  CHECK(records.calls[0].function == "tcp:connect");
  CHECK(records.calls[0].outcome == record::Outcome::completed);
  CHECK(records.calls[0].stream[0].empty());
  CHECK(records.calls[1].function == "http:GET target.test/open");
  CHECK(records.calls[1].outcome == record::Outcome::completed);
}

TEST_CASE("a caller that breaks its silence with opaque bytes goes on over what was connected ahead") {
  NodeOptions options;
  options.limits.set_detect_timeout(4'000);
  options.limits.set_head_timeout(20'000);
  Bed bed(options, policy(plaintext, allowed));
  Peer caller = bed.call();
  Peer target = bed.target.accept();
  caller.send(binary);
  CHECK(target.read_exactly(binary.size()) == binary);
  target.send("answer");
  CHECK(caller.read_exactly(6) == "answer");
  caller.close();
  CHECK(target.read_to_end().empty());
  target.close();
  CHECK(bed.only_call().upstreams == 1);
}

TEST_CASE("a target that cannot be reached ahead fails the flow once it is opaque, with one record") {
  NodeOptions options;
  options.limits.set_detect_timeout(200);
  // It demands TLS, which its target does not speak.
  Bed bed(options, policy("[{host: target.test}]", allowed));
  Peer caller = bed.call();
  Peer target = bed.target.accept();
  target.send("no TLS here");
  CHECK(caller.ends_with_reset());
  CHECK(bed.only_call().code == "tls_not_spoken");
}

TEST_CASE("a target that ends its half before anybody speaks still hears its caller") {
  NodeOptions options;
  options.limits.set_detect_timeout(400);
  Bed bed(options, policy(plaintext, allowed));
  Peer caller = bed.call();
  Peer ahead = bed.target.accept();
  ahead.end_output();
  CHECK(ahead.read_to_end().empty());  // it was withdrawn
  caller.send(binary);
  Peer target = bed.target.accept();
  target.end_output();
  CHECK(target.read_exactly(binary.size()) == binary);
  CHECK(caller.read_to_end().empty());
  caller.send("and more");
  CHECK(target.read_exactly(8) == "and more");
  caller.close();
  target.close();
  (void)bed.records();
}

TEST_CASE("nothing is connected ahead where policies allow no opaque flow") {
  NodeOptions options;
  options.limits.set_detect_timeout(80);
  options.limits.set_head_timeout(500);
  Bed bed(options, plaintext_policy());
  Peer caller = bed.call();
  (void)caller.ends_with_reset();
  CHECK_FALSE(bed.target.has_connection());
}

TEST_CASE("a port that is named opaque is not looked into") {
  Bed bed;
  bed.node.set_policy(opaque_port(bed));
  Peer caller = bed.call();
  const std::string looks_like_http = get("/forbidden");
  caller.send(looks_like_http);
  Peer target = bed.target.accept();
  CHECK(target.read_exactly(looks_like_http.size()) == looks_like_http);
  caller.close();
  target.read_to_end();
  target.close();
  CHECK(bed.only_call().function == "tcp:connect");
}

TEST_CASE("HTTP to a target of which only opaque flows are allowed is judged as HTTP") {
  NodeOptions options;
  options.limits.set_detect_timeout(16'000);
  Bed bed(options, policy(plaintext, allowed));
  Peer caller = bed.call();
  caller.send(get("/"));
  CHECK(caller.read_response().find("HTTP/1.1 403 ") == 0);
  caller.close();
  CHECK_FALSE(bed.target.has_connection());
  CHECK(bed.only_call().function == "http:GET target.test/");
}

TEST_CASE("a line that is no request is opaque where that is allowed, and a bad request where it is not") {
  const std::string line = "*1\r\n$4\r\nPING\r\n";
  Bed bed({}, policy(plaintext, allowed));
  Peer caller = bed.call();
  caller.send(line);
  Peer target = bed.target.accept();
  CHECK(target.read_exactly(line.size()) == line);
  caller.close();
  target.read_to_end();
  target.close();
  bed.node.set_policy(plaintext_policy());
  Peer other = bed.call();
  other.send(line);
  CHECK(other.read_until("\r\n").find("HTTP/1.1 400 ") == 0);
  CHECK_FALSE(bed.target.has_connection());
}

TEST_CASE("a denied opaque flow is reset, its target never dialled, and the rule recorded") {
  const bool named = GENERATE(false, true);
  Bed bed;
  bed.node.set_policy(
      named ? opaque_port(bed, "[{name: none, functions: [\"tcp:connect\"], action: deny, reason: not here}]")
            : policy("[{host: target.test}]",
                     "[{name: none, functions: [\"tcp:connect\"], action: deny, reason: not here}]"));
  Peer caller = bed.call();
  if (!named) caller.send(binary);  // else the reset may come first
  CHECK(caller.ends_with_reset());
  CHECK_FALSE(bed.target.has_connection());
  const RecordedCall call = bed.only_call();
  CHECK_FALSE(call.allowed);
  CHECK(call.rule == "none");
  CHECK(call.reason == "not here");
  CHECK(call.outcome == record::Outcome::denied);
  CHECK(call.stream[0].empty());
  CHECK(bed.node.counters().calls_denied() == 1);
}

TEST_CASE("an opaque flow of which no rule speaks is refused as what is not HTTP") {
  Bed bed;
  Peer caller = bed.call();
  caller.send(binary);
  CHECK(caller.ends_with_reset());
  CHECK_FALSE(bed.target.has_connection());
  const Records records = bed.records();
  CHECK(records.calls.empty());
  CHECK(records.sessions[0].code == "protocol_not_http1");
}

TEST_CASE("an address of two targets that are both allowed is refused, and one of them denied denies") {
  // Both names resolve to the flow's address.
  const std::string both =
      "[{host: target.test, upstream: {tls: plaintext}}, {host: localhost, upstream: {tls: plaintext}}]";
  Bed bed({}, policy(both, allowed));
  Peer caller = bed.call();
  caller.send(binary);
  CHECK(caller.ends_with_reset());
  CHECK_FALSE(bed.target.has_connection());
  const RecordedCall call = bed.only_call();
  CHECK(call.outcome == record::Outcome::refused);
  CHECK(call.code == "ambiguous_target");
  CHECK(call.detail.find("target.test") != std::string::npos);
  CHECK(call.detail.find("localhost") != std::string::npos);
}

TEST_CASE("a reset passes through an opaque flow both ways") {
  for (const bool by_target : {false, true}) {
    Bed bed({}, policy(plaintext, allowed));
    Peer caller = bed.call();
    caller.send(binary);
    Peer target = bed.target.accept();
    target.read_exactly(binary.size());
    target.send("x");
    caller.read_exactly(1);
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

TEST_CASE("a reset after a half-close passes through an opaque flow both ways") {
  for (const bool by_target : {false, true}) {
    Bed bed({}, policy(plaintext, allowed));
    Peer caller = bed.call();
    caller.send(binary);
    Peer target = bed.target.accept();
    target.read_exactly(binary.size());
    Peer& first = by_target ? target : caller;
    Peer& other = by_target ? caller : target;
    first.end_output();
    CHECK(other.read_to_end().empty());
    other.send("x");
    CHECK(first.read_exactly(1) == "x");
    first.reset();
    CHECK(other.fails_with_reset());
    CHECK(bed.only_call().outcome == (by_target ? record::Outcome::failed : record::Outcome::caller_aborted));
  }
}

TEST_CASE("a caller that resets while its target takes nothing does not hold the target") {
  Bed bed({}, policy(plaintext, allowed), 4096);
  Peer caller = bed.call();
  caller.send(binary);
  Peer target = bed.target.accept();
  target.read_exactly(binary.size());
  const std::string flood(8U << 20U, 'f');
  while (caller.send_some(flood) != 0) {
  }
  caller.reset();
  CHECK(target.ends_with_reset());
  CHECK(bed.only_call().outcome == record::Outcome::caller_aborted);
}

TEST_CASE("a target that refuses an opaque flow resets its caller") {
  Bed bed({}, policy(plaintext, allowed));
  bed.target.socket.reset();
  Peer caller = bed.call();
  caller.send(binary);
  CHECK(caller.ends_with_reset());
  CHECK(bed.only_call().code == "connect_refused");
}

TEST_CASE("a target that must prove itself and speaks no TLS gets no byte of an opaque flow") {
  Bed bed({}, policy("[{host: target.test}]", allowed));
  Peer caller = bed.call();
  caller.send(binary);
  Peer target = bed.target.accept();
  const std::string hello = target.read_exactly(3);
  CHECK(hello.substr(0, 2) == "\x16\x03");  // only our own ClientHello
  target.send("220 plaintext here\r\n");
  CHECK(caller.ends_with_reset());
  CHECK(bed.only_call().code == "tls_not_spoken");
}

TEST_CASE("what an opaque flow carries beyond the limit passes, and its call says how much is kept") {
  NodeOptions options;
  options.limits.set_payload_bytes(1000);
  Bed bed(options, policy(plaintext, allowed));
  Peer caller = bed.call();
  caller.send(binary);
  Peer target = bed.target.accept();
  target.read_exactly(binary.size());
  const std::string large(300'000, 'd');
  std::thread sender([&] { target.send(large); });
  CHECK(caller.read_exactly(large.size()) == large);
  sender.join();
  caller.close();
  target.read_to_end();
  target.close();
  const RecordedCall call = bed.only_call();
  CHECK(call.payload_limit == 1000);
  CHECK(call.response_size == large.size());
  // All of it is in the ring, for the digest.
  CHECK(call.stream[1] == large);
}

TEST_CASE("a target of an opaque flow that stops reading is given up in time") {
  NodeOptions options;
  options.ring_size = 64U << 20U;
  options.limits.set_stream_timeout(100);
  Bed bed(options, policy(plaintext, allowed), 4096);
  Peer caller = bed.call();
  caller.send(binary);
  Peer target = bed.target.accept();
  target.read_exactly(binary.size());
  const std::string piece(65536, 'x');
  while (bed.node.counters().open_connections() != 0)
    (void)caller.send_some(piece);
  CHECK(target.ends_with_reset());
  const RecordedCall call = bed.only_call();
  CHECK(call.outcome == record::Outcome::failed);
  CHECK(call.code == "stream_timeout");
}

TEST_CASE("a silent opaque flow lives as long as its ends like, or as the configuration allows") {
  for (const bool limited : {false, true}) {
    NodeOptions options;
    // Other limits are no question of how long it is silent.
    options.limits.set_stream_timeout(100);
    options.limits.set_idle_timeout(100);
    if (limited) options.limits.set_tunnel_idle_timeout(300);
    Bed bed(options, policy(plaintext, allowed));
    const auto begun = std::chrono::steady_clock::now();
    Peer caller = bed.call();
    caller.send(binary);
    Peer target = bed.target.accept();
    target.read_exactly(binary.size());
    if (limited) {
      CHECK(caller.ends_with_reset());
      CHECK(std::chrono::steady_clock::now() - begun >= std::chrono::milliseconds(300));
      CHECK(target.ends_with_reset());
      const RecordedCall call = bed.only_call();
      CHECK(call.outcome == record::Outcome::interrupted);
      CHECK(call.code == "tunnel_idle_timeout");
    } else {
      CHECK_FALSE(caller.readable_within(std::chrono::milliseconds(400)));
      target.send("at last");
      CHECK(caller.read_exactly(7) == "at last");
    }
  }
}

TEST_CASE("what passes either way puts off the end of a silent opaque flow") {
  NodeOptions options;
  options.limits.set_tunnel_idle_timeout(400);
  Bed bed(options, policy(plaintext, allowed));
  Peer caller = bed.call();
  caller.send(binary);
  Peer target = bed.target.accept();
  target.read_exactly(binary.size());
  const auto begun = std::chrono::steady_clock::now();
  for (bool outward = true; std::chrono::steady_clock::now() - begun < std::chrono::milliseconds(900);
       outward = !outward) {
    (outward ? caller : target).send("x");
    CHECK((outward ? target : caller).read_exactly(1) == "x");
    CHECK_FALSE(caller.readable_within(std::chrono::milliseconds(50)));
  }
  CHECK(caller.ends_with_reset());
}

TEST_CASE("a flow that waits to be told from HTTP is judged by the policies of when it is") {
  NodeOptions options;
  options.limits.set_detect_timeout(200);
  options.limits.set_head_timeout(400);
  Bed bed(options, policy(plaintext, allowed));
  Peer caller = bed.call();
  while (bed.node.counters().open_connections() == 0) {
  }
  bed.node.set_policy(plaintext_policy());
  // However late the policy comes, the flow does not outlive it.
  (void)caller.ends_with_reset();
  caller.close();
  const Records records = bed.records();
  REQUIRE(records.sessions.size() == 1);
  CHECK(records.sessions[0].outcome != record::Outcome::completed);
  CHECK(records.sessions[0].outcome != record::Outcome::caller_aborted);
}

TEST_CASE("an opaque flow waits while the ring is full, and is refused when it stays so") {
  NodeOptions options;
  options.ring_size = 64U << 10U;
  options.limits.set_record_timeout(100);
  Bed bed(options, policy(plaintext, allowed));
  Peer caller = bed.call();
  caller.send(binary);
  Peer target = bed.target.accept();
  target.read_exactly(binary.size());
  const std::string large(1U << 20U, 'd');
  std::thread sender([&] { target.send_some(large); });
  CHECK(caller.ends_with_reset());
  sender.join();
  const RecordedCall call = bed.only_call();
  CHECK(call.code == "recording_unavailable");
  CHECK(call.stream[1].size() == call.response_size);
}

TEST_CASE("a change of policy ends the opaque flows that it does not allow, and leaves the others") {
  Bed bed({}, policy(plaintext, allowed));
  Peer caller = bed.call();
  caller.send(binary);
  Peer target = bed.target.accept();
  target.read_exactly(binary.size());
  bed.node.set_policy(policy(plaintext, "[{name: other, functions: [\"tcp:connect\"], action: allow}]"));
  caller.send("still");
  CHECK(target.read_exactly(5) == "still");
  bed.node.set_policy(plaintext_policy());
  CHECK(caller.ends_with_reset());
  CHECK(target.ends_with_reset());
  CHECK(bed.only_call().code == "policy_changed");
}

TEST_CASE("a running opaque flow goes on when its name stands for another address, and new ones do not") {
  Bed bed({}, policy(plaintext, allowed));
  Peer caller = bed.call();
  caller.send(binary);
  Peer target = bed.target.accept();
  target.read_exactly(binary.size());
  bed.node.set_policy(policy(plaintext, allowed), true, "192.0.2.1");
  caller.send("still");
  CHECK(target.read_exactly(5) == "still");
  Peer other = bed.call();
  other.send(binary);
  CHECK(other.ends_with_reset());
  CHECK_FALSE(bed.target.has_connection());
  // But a denial of what it is now called, or of its own name, ends it.
  bed.node.set_policy(policy(plaintext, "[{name: none, functions: [\"tcp:connect\"], action: deny}]"), true,
                      "192.0.2.1");
  CHECK(caller.ends_with_reset());
}

TEST_CASE("a running opaque flow ends when the policies demand another proof of its target") {
  Bed bed({}, policy(plaintext, allowed));
  Peer caller = bed.call();
  caller.send(binary);
  Peer target = bed.target.accept();
  target.read_exactly(binary.size());
  bed.node.set_policy(policy("[{host: target.test}]", allowed));
  CHECK(caller.ends_with_reset());
  CHECK(target.ends_with_reset());
  CHECK(bed.only_call().code == "policy_changed");
}

TEST_CASE("an opaque flow ends as interrupted when draining takes too long") {
  Bed bed({}, policy(plaintext, allowed));
  Peer caller = bed.call();
  caller.send(binary);
  Peer target = bed.target.accept();
  target.read_exactly(binary.size());
  bed.node.drain(50);
  CHECK(caller.ends_with_reset());
  bed.node.wait_drained();
  CHECK(bed.only_call().outcome == record::Outcome::interrupted);
}
