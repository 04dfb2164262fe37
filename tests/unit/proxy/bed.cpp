#include "bed.hpp"

#include <arpa/inet.h>
#include <catch2/catch.hpp>
#include <netinet/in.h>
#include <sys/socket.h>

namespace callgate::test {

std::string plaintext_policy(std::string_view mode) {
  return "apiVersion: callgate.dev/v1\nkind: CallPolicy\nmetadata: {name: test}\nspec:\n  mode: " +
         std::string(mode) +
         "\n  callers: [{workload: shop}]\n"
         "  targets: [{host: target.test, upstream: {tls: plaintext}}]\n"
         "  rules:\n"
         "    - {name: forbidden, functions: [\"http:* /forbidden\", \"http:* /forbidden/**\"], action: "
         "deny, reason: not this one}\n"
         "    - {name: all, functions: [\"http:* /**\"], action: allow}\n";
}

Bed::Bed(const NodeOptions& options, const std::string& policy, int target_buffer)
    : target(target_buffer), node(options) {
  v1::Identities identities;
  auto& workload = *identities.add_workloads();
  workload.set_id(workload_id);
  workload.set_name("shop");
  workload.set_netns_cookie(netns_cookie);
  node.flows.set(flow());
  node.set_policy(policy);
  node.set_identities(identities);
  node.add_gate(1, gate.socket.get());
}

kernel::Flow Bed::flow() const {
  kernel::Flow flow;
  flow.workload = workload_id;
  flow.destination = *parse_address("127.0.0.1");
  flow.destination.port = target.port;
  flow.tgid = 4711;
  flow.process_start = 1;
  flow.exe_inode = 2;
  flow.netns_cookie = netns_cookie;
  return flow;
}

Peer Bed::call() {
  Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  address.sin_port = ::htons(gate.port);
  REQUIRE(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  return Peer(std::move(socket));
}

RecordedCall Bed::only_call() {
  const Records all = records();
  REQUIRE(all.calls.size() == 1);
  REQUIRE(all.calls[0].closed);
  return all.calls[0];
}

std::string get(std::string_view path, std::string_view fields) {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: target.test\r\n" + std::string(fields) + "\r\n";
}

}  // namespace callgate::test
