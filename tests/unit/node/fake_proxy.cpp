// A proxy that serves nothing, and does what its name says: "serve", "crash" (at once), "mute" (never answers
// a ping), "garbage" (sends what is no message), "curious" (asks for sockets of namespaces and for
// processes).
#include <csignal>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <poll.h>
#include <unistd.h>

#include "callgate/v1/node.pb.h"
#include "node/packet.hpp"

using namespace callgate;

namespace {

bool send(int channel, const v1::ToNode& message) {
  return node::send_packet(channel, message.SerializeAsString(), {}).has_value();
}

void answer_start(int channel, const std::string& role) {
  v1::ToNode ready;
  ready.mutable_ready();
  send(channel, ready);
  if (role == "garbage") static_cast<void>(node::send_packet(channel, "\xff\xff\xff", {}));
  if (role == "curious") {
    for (const std::uint32_t count : {0U, 1U, 65U}) {
      v1::ToNode need;
      need.mutable_need_sockets()->set_netns_cookie(12345);
      need.mutable_need_sockets()->set_count(count);
      send(channel, need);
    }
    v1::ToNode resolve;
    resolve.mutable_resolve_process()->set_request(7);
    resolve.mutable_resolve_process()->set_tgid(1);
    send(channel, resolve);
  }
}

}  // namespace

int main(int count, char** arguments) {
  const std::string role = std::filesystem::path(arguments[0]).filename().string();
  if (role == "crash") return 3;
  std::vector<pollfd> channels;
  for (int i = 1; i + 1 < count; ++i) {
    if (std::string(arguments[i]) == "--channel")
      channels.push_back({std::stoi(arguments[i + 1]), POLLIN, 0});
  }
  std::uint64_t gates = 0;
  std::uint64_t refused = 0;
  while (::poll(channels.data(), channels.size(), -1) > 0) {
    for (const pollfd& entry : channels) {
      if (entry.revents == 0) continue;
      const auto packet = node::receive_packet(entry.fd);
      v1::ToProxy message;
      if (!packet || !message.ParseFromString(packet->bytes)) return 0;
      v1::ToNode reply;
      switch (message.message_case()) {
        case v1::ToProxy::kStart:
          answer_start(entry.fd, role);
          break;
        case v1::ToProxy::kAddGate:
          gates += packet->descriptors.size();
          break;
        case v1::ToProxy::kRemoveGate:
          --gates;
          break;
        case v1::ToProxy::kUpstreamSockets:
          if (!message.upstream_sockets().error().empty() && packet->descriptors.empty()) ++refused;
          break;
        case v1::ToProxy::kPolicy:
        case v1::ToProxy::kIdentities:
          reply.mutable_in_force()->set_policy(message.policy().version());
          reply.mutable_in_force()->set_identities(message.identities().version());
          send(entry.fd, reply);
          break;
        case v1::ToProxy::kPing:
          if (role == "mute") break;
          reply.mutable_pong()->set_number(message.ping().number());
          reply.mutable_pong()->mutable_counters()->set_flows(gates);
          reply.mutable_pong()->mutable_counters()->set_calls_refused(refused);
          send(entry.fd, reply);
          break;
        case v1::ToProxy::kDrain:
          return 0;
        default:
          break;
      }
    }
  }
  return 1;
}
