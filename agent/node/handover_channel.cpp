#include "node/handover_channel.hpp"

#include <cerrno>
#include <cstring>
#include <optional>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "node/packet.hpp"

namespace callgate::node {
namespace {

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return make_error("too_long",
                      fmt::format("the path {} is too long for a socket: choose a shorter `run_dir`", path));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

Result<Fd> make_socket(int flags) {
  Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0));
  if (!socket) return system_error("make a socket", errno);
  return socket;
}

}  // namespace

Result<HandoverChannel> HandoverChannel::connect(const std::string& path) {
  const auto address = address_of(path);
  if (!address) return address.error();
  auto socket = make_socket(SOCK_NONBLOCK);
  if (!socket) return socket.error();
  if (::connect(socket->get(), reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)) == 0)
    return HandoverChannel(std::move(*socket));
  if (errno == ENOENT || errno == ENOTDIR || errno == ECONNREFUSED)
    return make_error("not_running", fmt::format("no callgated listens on {}", path));
  return system_error(fmt::format("connect to {}", path), errno);
}

Result<void> HandoverChannel::send(const v1::Handover& message) const {
  return send_packet(socket_.get(), message.SerializeAsString(), {});
}

Result<v1::Handover> HandoverChannel::receive() const {
  auto packet = receive_packet(socket_.get());
  // One that left messages unread shows as a reset first; what it said before is still there.
  if (!packet && packet.error().code == "closed") packet = receive_packet(socket_.get());
  if (!packet) return packet.error();
  v1::Handover message;
  if (!packet->descriptors.empty() || !message.ParseFromString(packet->bytes))
    return make_error("bad_message", "the other callgated sent something that is no message of a handover");
  return message;
}

Result<v1::Handover> HandoverChannel::wait(Loop& loop, std::chrono::milliseconds patience,
                                           const std::function<bool()>& give_up) const {
  std::optional<Result<v1::Handover>> answer;
  const auto watch = loop.when_readable(socket_.get(), [&] {
    if (answer) return;
    auto received = receive();
    if (received || received.error().code != "would_block") answer.emplace(std::move(received));
  });
  const auto given_up = [&] { return give_up && give_up(); };
  loop.run_until([&] { return answer || given_up(); }, patience);
  if (answer) return std::move(*answer);
  if (given_up()) return make_error("given_up", "the answer of the other callgated is not waited for");
  return make_error("timed_out", "the other callgated does not answer");
}

Result<ucred> HandoverChannel::peer() const {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (::getsockopt(socket_.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
    return system_error("look who asks for a handover", errno);
  return peer;
}

Result<Fd> listen_for_handover(const std::string& path) {
  const auto address = address_of(path);
  if (!address) return address.error();
  auto socket = make_socket(SOCK_NONBLOCK);
  if (!socket) return socket.error();
  // Whoever holds the lock of the state directory is the one to ask.
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    return system_error(fmt::format("remove {}", path), errno);
  if (::bind(socket->get(), reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)) != 0)
    return system_error(fmt::format("bind {}", path), errno);
  // Nobody connects before listen().
  if (::chmod(path.c_str(), 0600) != 0 || ::listen(socket->get(), 4) != 0)
    return system_error(fmt::format("set up {}", path), errno);
  return socket;
}

Result<HandoverChannel> accept_handover(int listener) {
  Fd socket(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket) {
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ECONNABORTED || errno == EINTR)
      return make_error("would_block", "nobody asks");
    return system_error("accept a handover", errno);
  }
  HandoverChannel channel(std::move(socket));
  const auto peer = channel.peer();
  if (!peer) return peer.error();
  if (peer->uid != ::geteuid())
    return make_error("denied", fmt::format("user {} may not replace callgated", peer->uid));
  return channel;
}

}  // namespace callgate::node
