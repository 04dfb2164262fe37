#include "node/packet.hpp"

#include <array>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/socket.h>

namespace callgate::node {

Result<std::pair<Fd, Fd>> make_packet_pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return system_error("make a socket pair", errno);
  std::pair<Fd, Fd> pair{Fd(ends[0]), Fd(ends[1])};
  if (::fcntl(pair.first.get(), F_SETFL, O_NONBLOCK) != 0) return system_error("make a socket pair", errno);
  // Policies and bundles travel in memfds; this is for bursts of small messages.
  const int space = 4 << 20;
  for (const int end : ends)
    ::setsockopt(end, SOL_SOCKET, SO_SNDBUFFORCE, &space, sizeof(space));
  return pair;
}

Result<void> send_packet(int fd, std::string_view bytes, std::span<const int> descriptors) {
  if (bytes.size() > packet_limit || descriptors.size() > packet_descriptors) {
    return make_error("too_large", "a message is larger than a packet may be");
  }
  iovec vector{const_cast<char*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(packet_descriptors * sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  if (!descriptors.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
  }
  for (;;) {
    if (::sendmsg(fd, &message, MSG_NOSIGNAL) >= 0) return {};
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return make_error("would_block", "the peer does not read");
    if (errno == EPIPE || errno == ECONNRESET) return make_error("closed", "the peer has gone");
    return system_error("send a message", errno);
  }
}

Result<Packet> receive_packet(int fd) {
  Packet packet;
  packet.bytes.resize(packet_limit);
  iovec vector{packet.bytes.data(), packet.bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(packet_descriptors * sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t size = 0;
  do {
    size = ::recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  if (size < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) return make_error("would_block", "there is no message");
    if (errno == ECONNRESET) return make_error("closed", "the peer has gone");
    return system_error("receive a message", errno);
  }
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int descriptor = -1;
      std::memcpy(&descriptor, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
      packet.descriptors.emplace_back(descriptor);
    }
  }
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    return make_error("too_large", "a message is larger than a packet may be");
  }
  // Nobody sends empty packets: this is the end.
  if (size == 0) return make_error("closed", "the peer has gone");
  packet.bytes.resize(static_cast<std::size_t>(size));
  return packet;
}

}  // namespace callgate::node
