#include "proxy/channel_message.hpp"

#include <fmt/format.h>

namespace callgate::proxy {
namespace {

Error bad(std::string message) {
  return make_error("bad_message", std::move(message));
}

std::size_t descriptors_of(const v1::ToProxy& message) {
  switch (message.message_case()) {
    case v1::ToProxy::kStart:
      return 2;
    case v1::ToProxy::kAddGate:
    case v1::ToProxy::kPolicy:
    case v1::ToProxy::kIdentities:
      return 1;
    case v1::ToProxy::kUpstreamSockets:
      return message.upstream_sockets().count();
    default:
      return 0;
  }
}

Result<v1::ToProxy> parse_bytes(Bytes packet) {
  if (packet.size() > largest_packet)
    return bad(fmt::format("a message of {} bytes is too long", packet.size()));
  v1::ToProxy message;
  if (!message.ParseFromArray(packet.data(), static_cast<int>(packet.size()))) {
    return bad("a message of the channel cannot be parsed");
  }
  if (message.message_case() == v1::ToProxy::MESSAGE_NOT_SET) {
    return bad("a message of the channel is empty, or of a kind that this build does not know");
  }
  if (message.has_start() && (message.start().generation() == 0 || !message.start().has_limits())) {
    return bad("Start lacks a generation or limits");
  }
  return message;
}

}  // namespace

Result<v1::ToProxy> parse_channel_message(Bytes packet, std::size_t descriptors) {
  auto message = parse_bytes(packet);
  if (!message) return message;
  const std::size_t wanted = descriptors_of(*message);
  if (wanted > most_descriptors || wanted != descriptors) {
    return bad(fmt::format("message {} came with {} descriptors instead of {}",
                           static_cast<int>(message->message_case()), descriptors, wanted));
  }
  return message;
}

Result<v1::ToProxy> parse_without_descriptors(Bytes packet) {
  auto message = parse_bytes(packet);
  if (!message) return message;
  if (!message->has_upstream_sockets())
    return bad("the process has no descriptors left for what callgated sends: raise its limit of open files");
  message->mutable_upstream_sockets()->set_count(0);
  message->mutable_upstream_sockets()->set_error(
      "no_descriptors: the proxy has no descriptors left for sockets to targets");
  return message;
}

}  // namespace callgate::proxy
