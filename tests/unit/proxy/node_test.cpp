// The proxy thread and callgated: messages, snapshots, the end.
#include <catch2/catch.hpp>

#include "base/file.hpp"
#include "bed.hpp"
#include "proxy/channel_message.hpp"

using namespace callgate;
using namespace callgate::test;

namespace {

std::string process_policy() {
  return "apiVersion: callgate.dev/v1\nkind: CallPolicy\nmetadata: {name: test}\nspec:\n  mode: enforce\n"
         "  callers: [{workload: shop, process: /usr/bin/curl}]\n"
         "  targets: [{host: target.test, upstream: {tls: plaintext}}]\n"
         "  rules: [{name: all, functions: [\"http:* /**\"], action: allow}]\n";
}

Result<v1::ToProxy> parse(const v1::ToProxy& message, std::size_t descriptors) {
  const std::string bytes = message.SerializeAsString();
  return proxy::parse_channel_message(as_bytes(bytes), descriptors);
}

}  // namespace

TEST_CASE("messages with the wrong number of descriptors, or none of the known kinds, are refused") {
  v1::ToProxy message;
  CHECK_FALSE(parse(message, 0).has_value());
  message.mutable_ping()->set_number(1);
  CHECK(parse(message, 0).has_value());
  CHECK_FALSE(parse(message, 1).has_value());
  message.mutable_add_gate()->set_gate(1);
  CHECK(parse(message, 1).has_value());
  CHECK_FALSE(parse(message, 0).has_value());
  message.mutable_upstream_sockets()->set_count(3);
  CHECK(parse(message, 3).has_value());
  CHECK_FALSE(parse(message, 2).has_value());
  message.mutable_upstream_sockets()->set_count(65);
  CHECK_FALSE(parse(message, 65).has_value());
  message.mutable_start()->set_generation(1);
  CHECK_FALSE(parse(message, 2).has_value());
  message.mutable_start()->mutable_limits();
  CHECK(parse(message, 2).has_value());
  CHECK_FALSE(parse(message, 1).has_value());
  CHECK_FALSE(proxy::parse_channel_message(as_bytes("\xff\xff\xff"), 0).has_value());
}

TEST_CASE("decisions wait for the caller's process where they depend on it") {
  Bed bed({}, process_policy());
  Peer caller = bed.call();
  caller.send(get("/"));
  Peer target = bed.target.accept();
  target.read_until("\r\n\r\n");
  target.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  CHECK(caller.read_response().substr(9, 3) == "200");
}

TEST_CASE("another process, or one that nobody can name, is denied") {
  for (const bool answered : {true, false}) {
    NodeOptions options;
    options.process = "/usr/bin/wget";
    options.answer_processes = answered;
    Bed bed(options, process_policy());
    Peer caller = bed.call();
    caller.send(get("/"));
    CHECK(caller.read_response().substr(9, 3) == "403");
    CHECK_FALSE(bed.target.has_connection());
  }
}

TEST_CASE("a new policy rules the next call of a connection that is open") {
  Bed bed;
  Peer caller = bed.call();
  caller.send(get("/a"));
  Peer target = bed.target.accept();
  target.read_until("\r\n\r\n");
  target.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  CHECK(caller.read_response().substr(9, 3) == "200");
  std::string stricter = plaintext_policy();
  stricter.replace(stricter.find("/forbidden"), 10, "/a");
  bed.node.set_policy(stricter);
  caller.send(get("/a"));
  CHECK(caller.read_response().substr(9, 3) == "403");
  bed.node.set_policy(plaintext_policy("observe"));
  caller.send(get("/forbidden"));
  Peer observed = bed.target.accept();
  CHECK(observed.read_until("\r\n\r\n") == get("/forbidden"));
}

TEST_CASE("draining finishes what is open, begins nothing, and says so") {
  Bed bed;
  Peer busy = bed.call();
  busy.send(get("/a"));
  Peer target = bed.target.accept();
  target.read_until("\r\n\r\n");
  Peer idle = bed.call();
  idle.send(get("/forbidden"));
  idle.read_response();
  bed.node.drain(20'000);
  CHECK(idle.read_to_end().empty());
  target.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  const std::string answer = busy.read_to_end();
  CHECK(answer.find("Connection: close") != std::string::npos);
  CHECK(answer.substr(answer.size() - 2) == "ok");
  busy.close();
  CHECK(bed.node.join());
  bed.node.wait_drained();
}

TEST_CASE("where another agent takes over, an idle connection gets a last call before it ends") {
  Bed bed;
  Peer idle = bed.call();
  idle.send(get("/forbidden"));
  CHECK(idle.read_response().find("Connection: close") == std::string::npos);
  Peer silent = bed.call();
  bed.node.drain(20'000, true);
  (void)bed.node.counters();  // by now the thread has read that it drains
  idle.send(get("/forbidden"));
  CHECK(idle.read_to_end().find("Connection: close") != std::string::npos);
  silent.send(get("/forbidden"));
  CHECK(silent.read_to_end().find("Connection: close") != std::string::npos);
  idle.close();
  silent.close();
  CHECK(bed.node.join());
  bed.node.wait_drained();
}

TEST_CASE("an idle connection that begins no last call ends as completed") {
  Bed bed;
  Peer idle = bed.call();
  idle.send(get("/forbidden"));
  idle.read_response();
  bed.node.drain(50, true);
  idle.read_to_end();
  CHECK(bed.node.join());
  bed.node.wait_drained();
}

TEST_CASE("what does not finish while draining is cut off, and recorded as interrupted") {
  Bed bed;
  Peer caller = bed.call();
  caller.send(get("/a"));
  Peer target = bed.target.accept();
  target.read_until("\r\n\r\n");
  bed.node.drain(50);
  CHECK(caller.ends_with_reset());
  CHECK(bed.node.join());
  const RecordedCall call = bed.only_call();
  CHECK(call.outcome == record::Outcome::interrupted);
  CHECK(call.code == "agent_ended");
}

TEST_CASE("when callgated dies the proxy serves what it has, backlog included, and ends") {
  Bed bed;
  Peer caller = bed.call();
  caller.send(get("/a"));
  Peer target = bed.target.accept();
  target.read_until("\r\n\r\n");
  bed.node.die();
  target.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  CHECK(caller.read_to_end().find("200 OK") != std::string::npos);
  caller.close();
  CHECK(bed.node.join());
  CHECK(bed.only_call().outcome == record::Outcome::completed);
}

TEST_CASE("a gate that is taken away accepts no more") {
  Bed bed;
  Peer first = bed.call();
  first.send(get("/forbidden"));
  first.read_response();
  bed.node.remove_gate(1);
  (void)bed.node.counters();
  Peer second = bed.call();
  second.send(get("/forbidden"));
  (void)bed.node.counters();
  CHECK(second.is_silent());
  bed.node.add_gate(2, bed.gate.socket.get());
  CHECK(second.read_response().substr(9, 3) == "403");
}

TEST_CASE("a snapshot that cannot be read leaves the last one in force") {
  Bed bed;
  v1::ToProxy message;
  message.mutable_policy()->set_version(99);
  const auto memory = make_sealed_memory("policy", "nonsense");
  bed.node.send(message, {memory->get()});
  Peer caller = bed.call();
  caller.send(get("/forbidden"));
  CHECK(caller.read_response().substr(9, 3) == "403");
}
