#include "kernel/device.hpp"

#include <cstring>
#include <optional>

#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <sys/socket.h>

#include "kernel/netlink.hpp"

namespace callgate::kernel {
namespace {

template <typename T>
std::span<const std::uint8_t> bytes_of(const T& value) {
  return {reinterpret_cast<const std::uint8_t*>(&value), sizeof(value)};
}

std::uint32_t read_number(std::span<const std::uint8_t> value) {
  std::uint32_t number = 0;
  if (value.size() >= sizeof(number)) std::memcpy(&number, value.data(), sizeof(number));
  return number;
}

std::string read_text(std::span<const std::uint8_t> value) {
  return {reinterpret_cast<const char*>(value.data()),
          ::strnlen(reinterpret_cast<const char*>(value.data()), value.size())};
}

// The number by which our namespace knows another one; links name the namespace of their other end by it.
Result<std::optional<std::uint32_t>> namespace_number(int netns_fd) {
  const rtgenmsg header{AF_UNSPEC};
  NetlinkRequest request(RTM_GETNSID, 0, bytes_of(header));
  request.add(NETNSA_FD, static_cast<std::uint32_t>(netns_fd));
  std::optional<std::uint32_t> number;
  CALLGATE_TRY(netlink_ask(request, [&number](std::uint16_t type, std::span<const std::uint8_t> payload) {
    if (type != RTM_NEWNSID || payload.size() < NLMSG_ALIGN(sizeof(rtgenmsg))) return;
    for_each_attribute(payload.subspan(NLMSG_ALIGN(sizeof(rtgenmsg))),
                       [&number](std::uint16_t attribute, std::span<const std::uint8_t> value) {
                         // -1: no device of ours leads there, so it was never given a number.
                         if (attribute == NETNSA_NSID && read_number(value) != UINT32_MAX)
                           number = read_number(value);
                       });
  }));
  return number;
}

struct Link {
  Device device;
  std::optional<std::uint32_t> other_namespace;
  std::string kind;
};

Link read_link(std::span<const std::uint8_t> payload) {
  Link link;
  ifinfomsg header{};
  std::memcpy(&header, payload.data(), sizeof(header));
  link.device.index = static_cast<std::uint32_t>(header.ifi_index);
  for_each_attribute(payload.subspan(NLMSG_ALIGN(sizeof(header))),
                     [&link](std::uint16_t attribute, std::span<const std::uint8_t> value) {
                       if (attribute == IFLA_IFNAME) link.device.name = read_text(value);
                       if (attribute == IFLA_LINK) link.device.peer_index = read_number(value);
                       if (attribute == IFLA_LINK_NETNSID) link.other_namespace = read_number(value);
                       if (attribute == IFLA_LINKINFO)
                         for_each_attribute(value,
                                            [&link](std::uint16_t inner, std::span<const std::uint8_t> text) {
                                              if (inner == IFLA_INFO_KIND) link.kind = read_text(text);
                                            });
                     });
  return link;
}

}  // namespace

Result<std::vector<Device>> find_host_devices(int netns_fd) {
  auto number = namespace_number(netns_fd);
  if (!number) return number.error();
  std::vector<Device> devices;
  if (!*number) return devices;
  ifinfomsg header{};
  header.ifi_family = AF_UNSPEC;
  const NetlinkRequest request(RTM_GETLINK, NLM_F_DUMP, bytes_of(header));
  CALLGATE_TRY(netlink_ask(request, [&](std::uint16_t type, std::span<const std::uint8_t> payload) {
    if (type != RTM_NEWLINK || payload.size() < NLMSG_ALIGN(sizeof(ifinfomsg))) return;
    Link link = read_link(payload);
    if (link.kind == "veth" && link.other_namespace == *number) devices.push_back(std::move(link.device));
  }));
  return devices;
}

}  // namespace callgate::kernel
