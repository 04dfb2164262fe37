#include "kernel/netlink.hpp"

#include <cerrno>
#include <cstring>

#include <sys/socket.h>

#include "base/fd.hpp"

namespace callgate::kernel {
namespace {

constexpr std::size_t receive_size = 64U << 10U;

std::size_t aligned(std::size_t size) {
  return (size + 3U) & ~std::size_t{3};
}

// Handles the messages of one datagram; true when the last answer was among them.
Result<bool> take_answers(std::span<const std::uint8_t> datagram, const NetlinkAnswer& answer) {
  while (datagram.size() >= sizeof(nlmsghdr)) {
    nlmsghdr header{};
    std::memcpy(&header, datagram.data(), sizeof(header));
    if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > datagram.size())
      return make_error("system_error", "the kernel sent a malformed netlink message");
    const auto payload = datagram.subspan(sizeof(header), header.nlmsg_len - sizeof(header));
    if (header.nlmsg_type == NLMSG_DONE) {
      // A dump that broke off says so here: what came before is not all there is.
      int error = 0;
      if (payload.size() >= sizeof(error)) std::memcpy(&error, payload.data(), sizeof(error));
      if (error < 0) return system_error("netlink dump", -error);
      return true;
    }
    if (header.nlmsg_type == NLMSG_ERROR) {
      nlmsgerr error{};
      if (payload.size() < sizeof(error.error))
        return make_error("system_error", "a netlink error without a number");
      std::memcpy(&error.error, payload.data(), sizeof(error.error));
      if (error.error != 0) return system_error("netlink request", -error.error);
      return true;
    }
    answer(header.nlmsg_type, payload);
    if ((header.nlmsg_flags & NLM_F_MULTI) == 0) return true;
    datagram = datagram.subspan(std::min(aligned(header.nlmsg_len), datagram.size()));
  }
  return false;
}

}  // namespace

NetlinkRequest::NetlinkRequest(std::uint16_t type, std::uint16_t flags,
                               std::span<const std::uint8_t> family_header) {
  nlmsghdr header{};
  header.nlmsg_type = type;
  header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  append(&header, sizeof(header));
  append(family_header.data(), family_header.size());
}

void NetlinkRequest::add(std::uint16_t attribute, std::uint32_t value) {
  const nlattr header{static_cast<std::uint16_t>(sizeof(nlattr) + sizeof(value)), attribute};
  append(&header, sizeof(header));
  append(&value, sizeof(value));
}

void NetlinkRequest::append(const void* data, std::size_t size) {
  const auto* bytes = static_cast<const std::uint8_t*>(data);
  message_.insert(message_.end(), bytes, bytes + size);
  message_.resize(aligned(message_.size()));
  const auto length = static_cast<std::uint32_t>(message_.size());
  std::memcpy(message_.data(), &length, sizeof(length));
}

Result<void> netlink_ask(const NetlinkRequest& request, const NetlinkAnswer& answer) {
  const Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!fd) return system_error("netlink socket", errno);
  return netlink_ask(fd.get(), request, answer);
}

Result<void> netlink_ask(int socket, const NetlinkRequest& request, const NetlinkAnswer& answer) {
  if (::send(socket, request.bytes().data(), request.bytes().size(), 0) < 0)
    return system_error("send a netlink request", errno);
  std::vector<std::uint8_t> buffer(receive_size);
  while (true) {
    const ssize_t size = ::recv(socket, buffer.data(), buffer.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return system_error("receive a netlink answer", errno);
    auto done = take_answers(std::span(buffer).first(static_cast<std::size_t>(size)), answer);
    if (!done) return done.error();
    if (*done) return {};
  }
}

void for_each_attribute(std::span<const std::uint8_t> attributes,
                        const std::function<void(std::uint16_t, std::span<const std::uint8_t>)>& each) {
  while (attributes.size() >= sizeof(nlattr)) {
    nlattr header{};
    std::memcpy(&header, attributes.data(), sizeof(header));
    if (header.nla_len < sizeof(header) || header.nla_len > attributes.size()) return;
    each(static_cast<std::uint16_t>(header.nla_type & NLA_TYPE_MASK),
         attributes.subspan(sizeof(header), header.nla_len - sizeof(header)));
    attributes = attributes.subspan(std::min(aligned(header.nla_len), attributes.size()));
  }
}

}  // namespace callgate::kernel
