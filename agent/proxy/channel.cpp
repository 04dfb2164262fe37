#include "proxy/channel.hpp"

#include <array>
#include <cerrno>
#include <cstring>

#include <sys/socket.h>
#include <sys/uio.h>

#include "proxy/channel_message.hpp"

namespace callgate::proxy {
namespace {

// Messages that may wait for a slow callgated.
constexpr std::size_t most_waiting = 4096;

Error closed() {
  return make_error("channel_closed", "callgated has closed the channel");
}

std::vector<Fd> take_descriptors(msghdr& header) {
  std::vector<Fd> descriptors;
  for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr;
       control = CMSG_NXTHDR(&header, control)) {
    if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(control) + i * sizeof(int), sizeof(int));
      descriptors.emplace_back(fd);
    }
  }
  return descriptors;
}

}  // namespace

Result<std::optional<Channel::Incoming>> Channel::receive() {
  static thread_local std::array<std::uint8_t, largest_packet> packet;
  alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(most_descriptors * sizeof(int))> control{};
  iovec part{packet.data(), packet.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  const ssize_t size = ::recvmsg(socket_.get(), &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (size < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return std::optional<Incoming>();
    return closed();
  }
  // A message is never empty, so this is the end.
  if (size == 0) return closed();
  Incoming incoming;
  incoming.descriptors = take_descriptors(header);
  if ((header.msg_flags & MSG_TRUNC) != 0)
    return make_error("bad_message", "a message of the channel is longer than the protocol allows");
  const Bytes bytes(packet.data(), static_cast<std::size_t>(size));
  const bool cut = (header.msg_flags & MSG_CTRUNC) != 0;
  if (cut) incoming.descriptors.clear();
  auto message =
      cut ? parse_without_descriptors(bytes) : parse_channel_message(bytes, incoming.descriptors.size());
  if (!message) return message.error();
  incoming.message = std::move(*message);
  return std::optional<Incoming>(std::move(incoming));
}

Result<void> Channel::send(const v1::ToNode& message) {
  if (waiting_.size() >= most_waiting)
    return make_error("channel_closed", "callgated does not read its channel");
  waiting_.push_back(message.SerializeAsString());
  return flush();
}

Result<void> Channel::flush() {
  while (!waiting_.empty()) {
    const std::string& bytes = waiting_.front();
    if (::send(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
      if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return {};
      return closed();
    }
    waiting_.pop_front();
  }
  return {};
}

}  // namespace callgate::proxy
