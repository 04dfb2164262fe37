// Callers that speak TLS themselves.
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "../tls/real_hello.hpp"
#include "bed.hpp"

using namespace callgate;
using namespace callgate::test;
using namespace std::string_literals;

namespace {

const std::string access_denied = "\x15\x03\x03\x00\x02\x02\x31"s;
const std::string protocol_version = "\x15\x03\x03\x00\x02\x02\x46"s;
const std::string handshake_failure = "\x15\x03\x03\x00\x02\x02\x28"s;
const std::string decode_error = "\x15\x03\x03\x00\x02\x02\x32"s;

std::string policy(std::string_view upstream, std::string_view function = "tls:connect target.test",
                   std::string_view mode = "enforce") {
  return fmt::format(
      "apiVersion: callgate.dev/v1\nkind: CallPolicy\nmetadata: {{name: test}}\nspec:\n  mode: {}\n"
      "  callers: [{{workload: shop}}]\n  targets: [{{host: target.test, upstream: {}}}]\n"
      "  rules:\n    - {{name: secret, functions: [\"tls:connect secret.test\"], action: deny, reason: not "
      "that one}}\n"
      "    - {{name: own-tls, functions: [\"{}\"], action: allow}}\n",
      mode, upstream, function);
}

std::string hello(const char* name = "target.test", int highest = TLS1_3_VERSION) {
  return real_hello([&](SSL* ssl) {
    if (name != nullptr) SSL_set_tlsext_host_name(ssl, name);
    SSL_set_max_proto_version(ssl, highest);
    const unsigned char protocols[] =
        "\x06"
        "canary"
        "\x08"
        "http/1.1"
        "\x02"
        "h2";
    SSL_set_alpn_protos(ssl, protocols, sizeof(protocols) - 1);
  });
}

std::string server_hello(std::string_view version) {
  const bool newest = version == "\x03\x04";
  const std::string extensions = newest ? "\x00\x06\x00\x2b\x00\x02\x03\x04"s : "\x00\x00"s;
  const std::string body = "\x03\x03"s + std::string(32, 'r') + "\x00\x13\x01\x00"s + extensions;
  const std::string message = "\x02\x00\x00"s + static_cast<char>(body.size()) + body;
  return "\x16\x03\x03\x00"s + static_cast<char>(message.size()) + message;
}

}  // namespace

TEST_CASE("a caller's own TLS passes end to end, and its record says what was offered and chosen") {
  Bed bed({}, policy("{tls: plaintext}"));
  Peer caller = bed.call();
  const std::string first = hello();
  caller.send(first.substr(0, 3));
  caller.send(first.substr(3, 100));
  caller.send(first.substr(103));
  Peer target = bed.target.accept();
  CHECK(target.read_exactly(first.size()) == first);
  const std::string answer = server_hello("\x03\x04") + "sealed";
  target.send(answer);
  CHECK(caller.read_exactly(answer.size()) == answer);
  caller.send("sealed too");
  CHECK(target.read_exactly(10) == "sealed too");
  caller.end_output();
  CHECK(target.read_to_end().empty());
  target.close();
  CHECK(caller.read_to_end().empty());
  caller.close();
  const RecordedCall call = bed.only_call();
  CHECK(call.function == "tls:connect target.test");
  CHECK(call.host == "target.test");
  CHECK(call.rule == "own-tls");
  CHECK(call.server_name == "target.test");
  CHECK(call.versions.find("TLSv1.3") == 0);
  CHECK(call.protocols == "canary,http/1.1,h2");
  CHECK(call.tls_version == "TLSv1.3");
  CHECK(call.over_tls);
  CHECK_FALSE(call.verified);
  CHECK_FALSE(call.probed);
  CHECK(call.stream[0].empty());
  CHECK(call.stream[1].empty());
  CHECK(call.request_size == first.size() + 10);
  CHECK(call.response_size == answer.size());
  CHECK(call.outcome == record::Outcome::completed);
}

TEST_CASE("a caller that names no server is judged by the address that it dialled") {
  Bed bed({}, policy("{}", "tls:connect"));
  Peer caller = bed.call();
  caller.send(hello(nullptr));
  CHECK(caller.read_to_end() == access_denied);
  CHECK_FALSE(bed.target.has_connection());
  const RecordedCall call = bed.only_call();
  CHECK(call.function == "tls:connect 127.0.0.1");
  CHECK(call.reason == "no_target_matches");
}

TEST_CASE("a denied TLS connection ends with an alert, and its target is never dialled") {
  Bed bed;
  bed.node.set_policy(
      policy("{}") + "---\n" +
      "apiVersion: callgate.dev/v1\nkind: CallPolicy\nmetadata: {name: other}\nspec:\n"
      "  callers: [{workload: shop}]\n  targets: [{host: secret.test}]\n"
      "  rules: [{name: secret, functions: [\"tls:connect\"], action: deny, reason: not that one}]\n");
  Peer caller = bed.call();
  caller.send(hello("secret.test"));
  CHECK(caller.read_to_end() == access_denied);
  CHECK_FALSE(bed.target.has_connection());
  const RecordedCall call = bed.only_call();
  CHECK(call.outcome == record::Outcome::denied);
  CHECK(call.rule == "secret");
  CHECK(call.reason == "not that one");
}

TEST_CASE("rules for HTTP do not match a caller's own TLS, and the record says so") {
  Bed bed;  // allows HTTP to its target
  Peer caller = bed.call();
  caller.send(hello());
  CHECK(caller.read_to_end() == access_denied);
  const RecordedCall call = bed.only_call();
  CHECK(call.code == "denied");
  CHECK(call.detail.find("speaks TLS itself") != std::string::npos);
}

TEST_CASE("a target that cannot prove itself gets no byte of the caller's handshake") {
  Bed bed({}, policy("{}"));
  Peer caller = bed.call();
  caller.send(hello());
  Peer target = bed.target.accept();
  const std::string probe = target.read_exactly(200);
  CHECK(probe.substr(0, 2) == "\x16\x03");
  // A probe offers what its caller does, but no names that could say something.
  CHECK(probe.find("canary") == std::string::npos);
  CHECK(probe.find("\x02h2\x08http/1.1") != std::string::npos);
  CHECK(hello().substr(0, 400).find("canary") != std::string::npos);  // where it would be
  target.send("220 no TLS here\r\n");
  CHECK(caller.read_to_end() == handshake_failure);
  CHECK_FALSE(bed.target.has_connection());
  const RecordedCall call = bed.only_call();
  CHECK(call.outcome == record::Outcome::refused);
  CHECK(call.code == "tls_not_spoken");
}

TEST_CASE("a caller that offers too old a version is refused before its target is dialled") {
  Bed bed({}, policy("{tls: unverified}"));
  Peer caller = bed.call();
  caller.send(hello("target.test", TLS1_2_VERSION));
  CHECK(caller.read_to_end() == protocol_version);
  CHECK_FALSE(bed.target.has_connection());
  CHECK(bed.only_call().code == "tls_version_too_low");
}

TEST_CASE("a target that chooses too old a version is cut off before the caller hears of it") {
  const bool allowed = GENERATE(false, true);
  Bed bed({}, policy(allowed ? "{tls: unverified, min_version: \"1.2\"}" : "{tls: unverified}"));
  Peer caller = bed.call();
  const std::string first = hello();
  caller.send(first);
  Peer target = bed.target.accept();
  target.read_exactly(first.size());
  const std::string answer = server_hello("\x03\x03");
  target.send(answer);
  if (allowed) {
    CHECK(caller.read_exactly(answer.size()) == answer);
    return;
  }
  CHECK(caller.read_to_end() == protocol_version);
  CHECK(target.ends_with_reset());
  const RecordedCall call = bed.only_call();
  CHECK(call.code == "tls_version_too_low");
  CHECK(call.tls_version == "TLSv1.2");
}

TEST_CASE("a target's warning before its ServerHello does not hide the version that it chose") {
  const bool allowed = GENERATE(false, true);
  Bed bed({}, policy(allowed ? "{tls: unverified, min_version: \"1.2\"}" : "{tls: unverified}"));
  Peer caller = bed.call();
  const std::string first = hello();
  caller.send(first);
  Peer target = bed.target.accept();
  target.read_exactly(first.size());
  const std::string answer = "\x15\x03\x03\x00\x02\x01\x70"s + server_hello("\x03\x03");
  target.send(answer);
  if (allowed) {
    CHECK(caller.read_exactly(answer.size()) == answer);
    return;
  }
  CHECK(caller.read_to_end() == protocol_version);
  const RecordedCall call = bed.only_call();
  CHECK(call.code == "tls_version_too_low");
  CHECK(call.tls_version == "TLSv1.2");
}

TEST_CASE("an alert of the target's reaches the caller as it is") {
  Bed bed({}, policy("{tls: unverified}"));
  Peer caller = bed.call();
  const std::string first = hello();
  caller.send(first);
  Peer target = bed.target.accept();
  target.read_exactly(first.size());
  target.send("\x15\x03\x03\x00\x02\x02\x70"s);
  target.close();
  CHECK(caller.read_to_end() == "\x15\x03\x03\x00\x02\x02\x70"s);
}

TEST_CASE("a target that answers a caller's handshake with something else is cut off") {
  Bed bed({}, policy("{tls: unverified}"));
  Peer caller = bed.call();
  const std::string first = hello();
  caller.send(first);
  Peer target = bed.target.accept();
  target.read_exactly(first.size());
  target.send("HTTP/1.1 400 Bad Request\r\n\r\n");
  CHECK(caller.read_to_end() == decode_error);
  CHECK(bed.only_call().code == "bad_server_hello");
}

TEST_CASE("what begins as TLS and is none is refused, and a part of a hello has a deadline") {
  NodeOptions options;
  options.limits.set_head_timeout(100);
  Bed bed(options, policy("{}"));
  Peer malformed = bed.call();
  malformed.send("\x16\x03\x01\x00\x05\x02\x00\x00\x01x"s);
  CHECK(malformed.read_to_end() == decode_error);
  Peer slow = bed.call();
  slow.send(hello().substr(0, 50));
  CHECK(slow.read_to_end() == handshake_failure);
  Peer cut = bed.call();
  cut.send(hello().substr(0, 50));
  cut.end_output();
  CHECK(cut.read_to_end().empty());
  CHECK_FALSE(bed.target.has_connection());
  const Records records = bed.records();
  CHECK(records.calls.empty());
  REQUIRE(records.sessions.size() == 3);
  CHECK(records.sessions[0].code == "bad_client_hello");
  CHECK(records.sessions[1].code == "head_timeout");
  CHECK(records.sessions[2].code == "client_hello_truncated");
}

TEST_CASE("a change of policy ends the TLS connections that it does not allow") {
  Bed bed({}, policy("{tls: unverified}"));
  Peer caller = bed.call();
  const std::string first = hello();
  caller.send(first);
  Peer target = bed.target.accept();
  target.read_exactly(first.size());
  const std::string answer = server_hello("\x03\x04");
  target.send(answer);
  caller.read_exactly(answer.size());
  bed.node.set_policy(plaintext_policy());
  CHECK(caller.ends_with_reset());
  CHECK(target.ends_with_reset());
  CHECK(bed.only_call().code == "policy_changed");
}

TEST_CASE("an observed TLS connection is recorded by its name, without its bytes") {
  Bed bed({}, policy("{tls: unverified}", "tls:connect target.test", "observe"));
  Peer caller = bed.call();
  const std::string first = hello();
  caller.send(first.substr(0, 20));
  Peer target = bed.target.accept();
  CHECK(target.read_exactly(20) == first.substr(0, 20));  // nothing waits for the name
  caller.send(first.substr(20));
  CHECK(target.read_exactly(first.size() - 20) == first.substr(20));
  target.send("sealed");
  CHECK(caller.read_exactly(6) == "sealed");
  caller.close();
  target.read_to_end();
  target.close();
  const RecordedCall call = bed.only_call();
  CHECK(call.function == "tls:connect target.test");
  CHECK(call.allowed);
  CHECK_FALSE(call.enforced);
  CHECK(call.server_name == "target.test");
  CHECK(call.stream[0].empty());
  CHECK(call.stream[1].empty());
  CHECK(call.response_size == 6);
}

TEST_CASE("of an observed caller's own TLS the record says what enforcement would have refused") {
  Bed bed({}, policy("{}", "tls:connect target.test", "observe"));
  const std::string first = hello();
  const std::string answer = server_hello("\x03\x04") + "sealed";
  Peer caller = bed.call();
  caller.send(first);
  Peer target = bed.target.accept();
  CHECK(target.read_exactly(first.size()) == first);
  // Beside the flow, which waits for nothing.
  target.send(answer);
  CHECK(caller.read_exactly(answer.size()) == answer);
  Peer probe = bed.target.accept();
  probe.read_exactly(200);
  caller.end_output();
  CHECK(target.read_to_end().empty());
  target.close();
  CHECK(caller.read_to_end().empty());
  caller.close();
  // The record waits for the answer to the probe.
  (void)bed.node.counters();
  CHECK_FALSE(read_records(bed.node.ring_path()).calls.at(0).closed);
  probe.send("220 no TLS here\r\n");
  const RecordedCall call = bed.only_call();
  CHECK(call.outcome == record::Outcome::completed);
  CHECK_FALSE(call.enforced);
  CHECK_FALSE(call.allowed);
  CHECK(call.policy == "test");
  CHECK(call.rule == "own-tls");
  CHECK(call.reason == "tls_not_spoken");
}

TEST_CASE("versions that enforcement would refuse are recorded of an observed flow, and nobody is asked") {
  const bool offered = GENERATE(true, false);
  Bed bed({}, policy("{tls: unverified}", "tls:connect target.test", "observe"));
  const std::string first = offered ? hello("target.test", TLS1_2_VERSION) : hello();
  const std::string answer = server_hello("\x03\x03") + "sealed";
  Peer caller = bed.call();
  caller.send(first);
  Peer target = bed.target.accept();
  CHECK(target.read_exactly(first.size()) == first);
  target.send(answer.substr(0, 7));
  target.send(answer.substr(7));
  CHECK(caller.read_exactly(answer.size()) == answer);
  CHECK_FALSE(bed.target.has_connection());
  caller.close();
  target.read_to_end();
  target.close();
  const RecordedCall call = bed.only_call();
  CHECK_FALSE(call.allowed);
  CHECK(call.reason == "tls_version_too_low");
}

TEST_CASE("an observed caller's own TLS that enforcement would let pass is recorded as allowed") {
  Bed bed({}, policy("{tls: unverified}", "tls:connect target.test", "observe"));
  Peer caller = bed.call();
  caller.send(hello());
  Peer target = bed.target.accept();
  target.read_exactly(hello().size());
  const std::string answer = server_hello("\x03\x04");
  target.send(answer);
  CHECK(caller.read_exactly(answer.size()) == answer);
  CHECK_FALSE(bed.target.has_connection());
  caller.close();
  target.read_to_end();
  target.close();
  const RecordedCall call = bed.only_call();
  CHECK(call.allowed);
  CHECK(call.rule == "own-tls");
}
