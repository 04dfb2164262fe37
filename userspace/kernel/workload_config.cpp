#include "kernel/workload_config.hpp"

#include <algorithm>

#include "abi.h"

namespace callgate::kernel {
namespace {

struct Flag {
  bool WorkloadConfig::*member;
  std::uint32_t bit;
};
constexpr Flag flags[] = {
    {&WorkloadConfig::enforce, CALLGATE_ENFORCE},
    {&WorkloadConfig::refuse_udp_443, CALLGATE_REFUSE_UDP_443},
    {&WorkloadConfig::refuse_mptcp, CALLGATE_REFUSE_MPTCP},
    {&WorkloadConfig::refuse_sctp, CALLGATE_REFUSE_SCTP},
    {&WorkloadConfig::refuse_raw, CALLGATE_REFUSE_RAW},
    {&WorkloadConfig::open_on_loss, CALLGATE_LOSS_OPEN},
};

Error bad(const char* what) {
  return make_error("bad_workload_config", what);
}

Result<void> copy_ports(const std::vector<std::uint16_t>& from, std::uint16_t (&to)[CALLGATE_MAX_GATE_PORTS],
                        std::uint16_t& count) {
  if (from.size() > CALLGATE_MAX_GATE_PORTS)
    return bad("a workload has at most 16 gate ports of each address family");
  if (std::find(from.begin(), from.end(), 0) != from.end()) return bad("a gate's port cannot be 0");
  std::copy(from.begin(), from.end(), to);
  count = static_cast<std::uint16_t>(from.size());
  return {};
}

template <std::size_t size>
std::optional<Address> source(const std::uint8_t (&ip)[size], bool v6) {
  if (std::all_of(std::begin(ip), std::end(ip), [](std::uint8_t byte) { return byte == 0; }))
    return std::nullopt;
  Address address;
  address.v6 = v6;
  std::copy(std::begin(ip), std::end(ip), address.ip.begin());
  return address;
}

}  // namespace

Result<callgate_workload_config> to_kernel(const WorkloadConfig& config) {
  if (config.workload == 0) return bad("a workload's id cannot be 0");
  if (config.gate_generation == 0) return bad("the generation of a workload's gates cannot be 0");
  if (config.heartbeat_slot >= CALLGATE_HEARTBEAT_SLOTS)
    return bad("the heartbeat slot is outside the array");
  if (config.source_v4 && config.source_v4->v6) return bad("the IPv4 source is not an IPv4 address");
  if (config.source_v6 && !config.source_v6->v6) return bad("the IPv6 source is not an IPv6 address");
  callgate_workload_config raw{};
  raw.workload = config.workload;
  raw.netns_cookie = config.netns_cookie;
  raw.gate_generation = config.gate_generation;
  raw.pending_limit = config.pending_limit;
  raw.heartbeat_slot = config.heartbeat_slot;
  raw.flags = CALLGATE_READY;
  for (const Flag& flag : flags)
    if (config.*flag.member) raw.flags |= flag.bit;
  CALLGATE_TRY(copy_ports(config.gate_ports_v4, raw.gate_v4, raw.gate_v4_count));
  CALLGATE_TRY(copy_ports(config.gate_ports_v6, raw.gate_v6, raw.gate_v6_count));
  if (config.source_v4)
    std::copy_n(config.source_v4->ip.begin(), sizeof(raw.source_v4), std::begin(raw.source_v4));
  if (config.source_v6)
    std::copy_n(config.source_v6->ip.begin(), sizeof(raw.source_v6), std::begin(raw.source_v6));
  return raw;
}

WorkloadConfig from_kernel(const callgate_workload_config& raw) {
  WorkloadConfig config;
  config.workload = raw.workload;
  config.netns_cookie = raw.netns_cookie;
  config.gate_generation = raw.gate_generation;
  config.pending_limit = raw.pending_limit;
  config.heartbeat_slot = raw.heartbeat_slot;
  for (const Flag& flag : flags)
    config.*flag.member = (raw.flags & flag.bit) != 0;
  const auto ports = [](const std::uint16_t* from, std::uint16_t count) {
    return std::vector<std::uint16_t>(from, from + std::min<std::uint16_t>(count, CALLGATE_MAX_GATE_PORTS));
  };
  config.gate_ports_v4 = ports(raw.gate_v4, raw.gate_v4_count);
  config.gate_ports_v6 = ports(raw.gate_v6, raw.gate_v6_count);
  config.source_v4 = source(raw.source_v4, false);
  config.source_v6 = source(raw.source_v6, true);
  return config;
}

}  // namespace callgate::kernel
