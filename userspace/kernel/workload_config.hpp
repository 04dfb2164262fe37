// How one workload is treated, as the kernel programs know it.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/address.hpp"
#include "base/result.hpp"

struct callgate_workload_config;

namespace callgate::kernel {

struct WorkloadConfig {
  std::uint64_t workload =
      0;  // the caller's id, not 0; unique among the enrolled workloads of a pin directory
  std::uint64_t netns_cookie =
      0;  // of the network namespace in which the gates are; connects elsewhere are refused
  std::uint64_t gate_generation = 0;  // not 0; gates must be marked with it
  bool enforce = true;                // false: observe; everything below that refuses only counts, and passes
  bool refuse_udp_443 = true;
  bool refuse_mptcp = true;
  bool refuse_sctp = true;
  bool refuse_raw = true;
  bool open_on_loss = false;           // connect directly while no gate is there and the heartbeat is stale
  std::uint32_t pending_limit = 1024;  // connections between handshake and accept
  std::uint32_t heartbeat_slot = 0;
  std::vector<std::uint16_t> gate_ports_v4;  // on 127.0.0.1; at most 16, one is chosen at random
  std::vector<std::uint16_t> gate_ports_v6;  // on ::1; the same
  std::optional<Address>
      source_v4;  // what getsockname shows of a redirected connection; port and scope are not used
  std::optional<Address> source_v6;

  bool operator==(const WorkloadConfig&) const = default;
};

// To and from the value that the kernel programs read. Error bad_workload_config.
[[nodiscard]] Result<callgate_workload_config> to_kernel(const WorkloadConfig& config);
[[nodiscard]] WorkloadConfig from_kernel(const callgate_workload_config& raw);

}  // namespace callgate::kernel
