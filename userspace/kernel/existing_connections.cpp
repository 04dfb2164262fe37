#include "kernel/existing_connections.hpp"

#include <array>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "kernel/netlink.hpp"

namespace callgate::kernel {
namespace {

constexpr std::uint32_t can_send = (1U << TCP_ESTABLISHED) | (1U << TCP_SYN_SENT) | (1U << TCP_CLOSE_WAIT);
constexpr int most_passes = 3;

struct Connection {
  std::uint8_t family = 0;
  inet_diag_sockid id{};
};

std::span<const std::uint8_t> bytes_of(const inet_diag_req_v2& request) {
  return {reinterpret_cast<const std::uint8_t*>(&request), sizeof(request)};
}

bool is_loopback(const inet_diag_msg& message) {
  std::array<std::uint8_t, 16> peer{};
  std::memcpy(peer.data(), message.id.idiag_dst, peer.size());
  if (message.idiag_family == AF_INET) return peer[0] == 127;
  in6_addr address{};
  std::memcpy(&address, peer.data(), peer.size());
  return IN6_IS_ADDR_LOOPBACK(&address) || (IN6_IS_ADDR_V4MAPPED(&address) && peer[12] == 127);
}

Result<void> list(int diagnosis, std::uint8_t family, const std::set<std::uint64_t>& cgroups,
                  std::vector<Connection>& found) {
  inet_diag_req_v2 wanted{};
  wanted.sdiag_family = family;
  wanted.sdiag_protocol = IPPROTO_TCP;
  wanted.idiag_states = can_send;
  bool untold = false;
  CALLGATE_TRY(netlink_ask(diagnosis, NetlinkRequest(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, bytes_of(wanted)),
                           [&](std::uint16_t, std::span<const std::uint8_t> payload) {
                             inet_diag_msg message{};
                             if (payload.size() < sizeof(message)) {
                               untold = true;
                               return;
                             }
                             std::memcpy(&message, payload.data(), sizeof(message));
                             std::uint64_t cgroup = 0;
                             for_each_attribute(
                                 payload.subspan(sizeof(message)),
                                 [&](std::uint16_t number, std::span<const std::uint8_t> value) {
                                   if (number == INET_DIAG_CGROUP_ID && value.size() == sizeof(cgroup))
                                     std::memcpy(&cgroup, value.data(), sizeof(cgroup));
                                 });
                             if (cgroup == 0) untold = true;
                             if (cgroups.count(cgroup) != 0 && !is_loopback(message))
                               found.push_back({message.idiag_family, message.id});
                           }));
  if (untold) {
    return make_error(
        "no_socket_cgroups",
        "the kernel does not tell which cgroup a socket belongs to, so existing connections cannot "
        "be told apart: enrol with `--existing keep`, and restart the service");
  }
  return {};
}

Result<std::vector<Connection>> list(int diagnosis, const std::set<std::uint64_t>& cgroups) {
  std::vector<Connection> found;
  CALLGATE_TRY(list(diagnosis, AF_INET, cgroups, found));
  CALLGATE_TRY(list(diagnosis, AF_INET6, cgroups, found));
  return found;
}

Result<void> reset(int diagnosis, const Connection& connection) {
  inet_diag_req_v2 which{};
  which.sdiag_family = connection.family;
  which.sdiag_protocol = IPPROTO_TCP;
  which.idiag_states = can_send;
  which.id = connection.id;  // with the socket's cookie: never another one of the same addresses
  return netlink_ask(diagnosis, NetlinkRequest(SOCK_DESTROY, NLM_F_ACK, bytes_of(which)),
                     [](std::uint16_t, std::span<const std::uint8_t>) {});
}

}  // namespace

Result<std::uint64_t> count_connections(int diagnosis, const std::set<std::uint64_t>& cgroups) {
  const auto found = list(diagnosis, cgroups);
  if (!found) return found.error();
  return found->size();
}

Result<std::uint64_t> reset_connections(int diagnosis, const std::set<std::uint64_t>& cgroups) {
  std::uint64_t seen = 0;
  std::optional<Error> failed;
  for (int pass = 0; pass < most_passes; ++pass) {
    const auto found = list(diagnosis, cgroups);
    if (!found) return found.error();
    if (found->empty()) return seen;
    for (const Connection& connection : *found) {
      const auto done = reset(diagnosis, connection);
      if (done) {
        ++seen;
      } else {
        failed = done.error();  // gone by itself, or the next pass finds it again
      }
    }
  }
  const auto left = list(diagnosis, cgroups);
  if (!left) return left.error();
  if (left->empty()) return seen;
  return make_error("not_reset",
                    "existing connections could not be reset: " +
                        (failed ? failed->message : std::string("the workload's sockets do not end")) +
                        "; enrol with `--existing keep`, and restart the service");
}

}  // namespace callgate::kernel
