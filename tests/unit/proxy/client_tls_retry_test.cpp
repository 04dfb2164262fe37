// Callers that speak TLS themselves, and targets that ask them for a second ClientHello.
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "../tls/hello_bytes.hpp"
#include "bed.hpp"

using namespace callgate;
using namespace callgate::test;
using namespace std::string_literals;

namespace {

const std::string illegal_parameter = "\x15\x03\x03\x00\x02\x02\x2f"s;
const std::string decode_error = "\x15\x03\x03\x00\x02\x02\x32"s;
const std::string handshake_failure = "\x15\x03\x03\x00\x02\x02\x28"s;
const std::string versions_1_3 = extension(43, "\x03\x04");
const std::string request = records(retry_message());
const std::string early_data = other_record(23, "sealed");

std::string policy(std::string_view upstream = "{tls: unverified}") {
  return fmt::format(
      "apiVersion: callgate.dev/v1\nkind: CallPolicy\nmetadata: {{name: test}}\nspec:\n"
      "  callers: [{{workload: shop}}]\n  targets: [{{host: target.test, upstream: {}}}]\n"
      "  rules: [{{name: own-tls, functions: [\"tls:connect\"], action: allow}}]\n",
      upstream);
}

std::string hello(const std::string& name = "target.test", const std::string& more = {}) {
  return records(client_message(name_extension(name) + extension(43, block("\x03\x04\x03\x03", 1)) + more));
}

// A caller whose target has just asked it for a second hello.
struct Asked {
  explicit Asked(const NodeOptions& options = {}, const std::string& behind = {})
      : bed(options, policy()), caller(bed.call()), target(ask(behind)) {
    CHECK(caller.read_exactly(request.size()) == request);
  }
  Peer ask(const std::string& behind) {
    caller.send(hello() + behind);
    Peer peer = bed.target.accept();
    CHECK(peer.read_exactly(hello().size()) == hello());
    CHECK(peer.is_silent());
    peer.send(request + change_cipher_spec);
    return peer;
  }

  Bed bed;
  Peer caller;
  Peer target;
};

}  // namespace

TEST_CASE("a target may ask for a second hello, and is held to what it then answers") {
  const std::string behind = GENERATE(""s, early_data);
  Asked asked({}, behind);
  const std::string second = change_cipher_spec + hello("target.test", extension(44, "cookie"));
  asked.caller.send(second);
  CHECK(asked.target.read_exactly(behind.size() + second.size()) == behind + second);
  const std::string answer = records(server_message(versions_1_3)) + other_record(23, "sealed");
  asked.target.send(answer);
  CHECK(asked.caller.read_exactly(change_cipher_spec.size() + answer.size()) == change_cipher_spec + answer);
  asked.caller.send("sealed too");
  CHECK(asked.target.read_exactly(10) == "sealed too");
  asked.caller.close();
  asked.target.read_to_end();
  asked.target.close();
  const RecordedCall call = asked.bed.only_call();
  CHECK(call.tls_version == "TLSv1.3");
  CHECK(call.request_size == hello().size() + behind.size() + second.size() + 10);
  CHECK(call.response_size == request.size() + change_cipher_spec.size() + answer.size());
}

TEST_CASE("a target that falls back behind a second hello is cut off before the caller hears of it") {
  Asked asked;
  asked.caller.send(hello());
  asked.target.read_exactly(hello().size());
  asked.target.send(records(server_message("")));
  CHECK(asked.caller.read_to_end() == illegal_parameter);
  CHECK(asked.target.ends_with_reset());
  const RecordedCall call = asked.bed.only_call();
  CHECK(call.code == "bad_server_hello");
  CHECK(call.tls_version.empty());
}

TEST_CASE("a second hello for another name never reaches the target") {
  Asked asked;
  asked.caller.send(hello("secret.test"));
  CHECK(asked.caller.read_to_end() == illegal_parameter);
  CHECK(asked.target.ends_with_reset());
  const RecordedCall call = asked.bed.only_call();
  CHECK(call.code == "client_hello_changed");
  CHECK(call.server_name == "target.test");
  CHECK(call.outcome == record::Outcome::refused);
}

TEST_CASE("a second hello that was sent ahead waits until the target asks for it") {
  const std::string name = GENERATE("target.test"s, "secret.test"s);
  Asked asked({}, hello(name));
  if (name == "target.test") {
    CHECK(asked.target.read_exactly(hello().size()) == hello());
  } else {
    CHECK(asked.caller.read_to_end() == illegal_parameter);
    CHECK(asked.target.ends_with_reset());
  }
}

TEST_CASE("a second hello that is none is refused, and a part of one has a deadline") {
  NodeOptions options;
  options.limits.set_head_timeout(100);
  Asked malformed(options);
  malformed.caller.send("\x15\x03\x03\x00\x02\x02\x28"s);
  CHECK(malformed.caller.read_to_end() == decode_error);
  CHECK(malformed.bed.only_call().code == "bad_client_hello");
  Asked slow(options);
  slow.caller.send(hello().substr(0, 20));
  CHECK(slow.caller.read_to_end() == handshake_failure);
  CHECK(slow.bed.only_call().code == "head_timeout");
  Asked cut;
  cut.caller.send(hello().substr(0, 20));
  cut.caller.end_output();
  CHECK(cut.caller.read_to_end().empty());
  CHECK(cut.bed.only_call().code == "client_hello_truncated");
}
