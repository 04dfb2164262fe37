#include <array>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "kernel/gate.hpp"
#include "node/helper_protocol.hpp"
#include "node/packet.hpp"

namespace callgate::node {
namespace {

struct Answer {
  HelperReply reply;
  std::vector<Fd> descriptors;
};

template <std::size_t size>
void copy_text(std::array<char, size>& to, std::string_view from) {
  const std::size_t length = std::min(from.size(), size - 1);
  std::memcpy(to.data(), from.data(), length);
  to[length] = '\0';
}

Result<void> gather_facts(HelperReply& reply) {
  const auto up = kernel::loopback_is_up();
  if (!up) return up.error();
  reply.loopback_up = *up ? 1 : 0;
  const auto sources = kernel::default_sources();
  if (!sources) return sources.error();
  if (sources->v4) {
    reply.has_v4 = 1;
    reply.source_v4 = sources->v4->ip;
  }
  if (sources->v6) {
    reply.has_v6 = 1;
    reply.source_v6 = sources->v6->ip;
  }
  return {};
}

// What the proxy may not set itself. A connection may be silent for hours: a target that is gone is noticed
// within two minutes. An urgent byte stays where it is in the stream, instead of being lost.
Result<void> set_options(int fd) {
  constexpr std::array<std::array<int, 3>, 5> options = {{{SOL_SOCKET, SO_OOBINLINE, 1},
                                                          {SOL_SOCKET, SO_KEEPALIVE, 1},
                                                          {IPPROTO_TCP, TCP_KEEPIDLE, 60},
                                                          {IPPROTO_TCP, TCP_KEEPINTVL, 15},
                                                          {IPPROTO_TCP, TCP_KEEPCNT, 4}}};
  for (const auto& [level, name, value] : options) {
    if (::setsockopt(fd, level, name, &value, sizeof(value)) != 0)
      return system_error("set an option of an upstream socket", errno);
  }
  return {};
}

Result<void> make_sockets(const HelperRequest& request, std::vector<Fd>& sockets) {
  if (request.count == 0 || request.count > helper_most_sockets) {
    return make_error("too_many", "a batch of sockets is over the limit");
  }
  const int family = request.v6 != 0 ? AF_INET6 : AF_INET;
  for (std::uint32_t i = 0; i < request.count; ++i) {
    Fd socket(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
    if (!socket) return system_error("make an upstream socket", errno);
    CALLGATE_TRY(set_options(socket.get()));
    sockets.push_back(std::move(socket));
  }
  return {};
}

// Whoever waits on the socket for the kernel's answer must not wait for ever.
Result<Fd> make_diagnosis_socket() {
  Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!socket) return system_error("make a sock_diag socket", errno);
  const timeval patience{1, 0};
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) != 0)
    return system_error("set the time-out of a sock_diag socket", errno);
  return socket;
}

Result<void> carry_out(const HelperRequest& request, int network_namespace, Answer& answer) {
  if (::setns(network_namespace, CLONE_NEWNET) != 0)
    return system_error("enter the network namespace", errno);
  const auto cookie = kernel::current_netns_cookie();
  if (!cookie) return cookie.error();
  answer.reply.netns_cookie = *cookie;
  switch (request.task) {
    case HelperTask::facts:
      return gather_facts(answer.reply);
    case HelperTask::gate: {
      auto gate = kernel::make_gate(request.v6 != 0 ? kernel::Family::v6 : kernel::Family::v4,
                                    {request.first_port, request.last_port});
      if (!gate) return gate.error();
      answer.reply.port = gate->port;
      answer.descriptors.push_back(std::move(gate->listener));
      return {};
    }
    case HelperTask::sockets:
      return make_sockets(request, answer.descriptors);
    case HelperTask::diagnosis: {
      auto socket = make_diagnosis_socket();
      if (!socket) return socket.error();
      answer.descriptors.push_back(std::move(*socket));
      return {};
    }
  }
  return make_error("bad_request", "unknown task");
}

Answer serve(const Packet& packet, int home) {
  Answer answer;
  Result<void> outcome = make_error("bad_request", "not a request");
  if (packet.bytes.size() == sizeof(HelperRequest) && packet.descriptors.size() == 1) {
    HelperRequest request;
    std::memcpy(&request, packet.bytes.data(), sizeof(request));
    answer.reply.number = request.number;
    outcome = carry_out(request, packet.descriptors.front().get(), answer);
    // Staying in a namespace would keep it alive.
    if (::setns(home, CLONE_NEWNET) != 0) outcome = system_error("leave the network namespace", errno);
  }
  if (!outcome) {
    answer.descriptors.clear();
    copy_text(answer.reply.error_code, outcome.error().code);
    copy_text(answer.reply.error_message, outcome.error().message);
  }
  return answer;
}

}  // namespace

int run_helper(int fd) {
  ::prctl(PR_SET_NAME, "callgate-socket");
  const Fd home(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!home) return 1;
  for (;;) {
    const auto packet = receive_packet(fd);
    if (!packet) return packet.error().code == "closed" ? 0 : 1;
    const Answer answer = serve(*packet, home.get());
    std::vector<int> descriptors;
    for (const Fd& descriptor : answer.descriptors)
      descriptors.push_back(descriptor.get());
    const auto sent =
        send_packet(fd, {reinterpret_cast<const char*>(&answer.reply), sizeof(answer.reply)}, descriptors);
    if (!sent) return sent.error().code == "closed" ? 0 : 1;
  }
}

}  // namespace callgate::node
