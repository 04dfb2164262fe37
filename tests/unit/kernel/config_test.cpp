#include <cstring>

#include <catch2/catch.hpp>

#include "abi.h"
#include "kernel/features.hpp"
#include "kernel/heartbeat.hpp"
#include "kernel/programs.hpp"
#include "kernel/workload_config.hpp"

using namespace callgate;
using namespace callgate::kernel;

namespace {

WorkloadConfig full_config() {
  WorkloadConfig config;
  config.workload = 7;
  config.netns_cookie = 8;
  config.gate_generation = 9;
  config.enforce = false;
  config.refuse_mptcp = false;
  config.open_on_loss = true;
  config.pending_limit = 10;
  config.heartbeat_slot = 11;
  config.gate_ports_v4 = {1000, 1001};
  config.gate_ports_v6 = {2000};
  config.source_v4 = parse_address("192.0.2.1").value();
  config.source_v6 = parse_address("2001:db8::1").value();
  return config;
}

}  // namespace

TEST_CASE("a workload's configuration survives the way into the kernel and back") {
  for (const WorkloadConfig& config : {full_config(), [] {
                                         WorkloadConfig plain;
                                         plain.workload = 1;
                                         plain.gate_generation = 1;
                                         return plain;
                                       }()}) {
    const auto raw = to_kernel(config);
    REQUIRE(raw.has_value());
    CHECK((raw->flags & CALLGATE_READY) != 0);
    CHECK(raw->reserved == 0);
    CHECK(from_kernel(*raw) == config);
  }
}

TEST_CASE("a configuration of zeros is not ready and does not enforce anything") {
  const callgate_workload_config zero{};
  CHECK((zero.flags & CALLGATE_READY) == 0);
  CHECK_FALSE(from_kernel(zero).enforce);
}

TEST_CASE("a configuration that the kernel programs could misread is refused") {
  const auto refused = [](auto change) {
    WorkloadConfig config = full_config();
    change(config);
    const auto raw = to_kernel(config);
    return !raw && raw.error().code == "bad_workload_config";
  };
  CHECK_FALSE(refused([](WorkloadConfig&) {}));
  CHECK(refused([](WorkloadConfig& config) { config.workload = 0; }));
  CHECK(refused([](WorkloadConfig& config) { config.gate_generation = 0; }));
  CHECK(refused([](WorkloadConfig& config) { config.heartbeat_slot = CALLGATE_HEARTBEAT_SLOTS; }));
  CHECK(refused([](WorkloadConfig& config) { config.gate_ports_v4.assign(17, 1000); }));
  CHECK(refused([](WorkloadConfig& config) { config.gate_ports_v6 = {0}; }));
  CHECK(refused([](WorkloadConfig& config) { config.source_v4 = parse_address("2001:db8::1").value(); }));
  CHECK(refused([](WorkloadConfig& config) { config.source_v6 = parse_address("192.0.2.1").value(); }));
}

TEST_CASE("a configuration read from the kernel is never read beyond its arrays") {
  callgate_workload_config raw{};
  raw.gate_v4_count = 65535;
  CHECK(from_kernel(raw).gate_ports_v4.size() == CALLGATE_MAX_GATE_PORTS);
}

TEST_CASE("kernels from 5.15 on are supported") {
  CHECK(is_supported_release("5.15.0"));
  CHECK(is_supported_release("6.1.0-18-cloud-amd64"));
  CHECK(is_supported_release("10.0"));
  CHECK_FALSE(is_supported_release("5.14.21"));
  CHECK_FALSE(is_supported_release("4.19.0"));
  CHECK_FALSE(is_supported_release("rolling"));
}

TEST_CASE("a heartbeat needs a slot of the array") {
  const auto heart = Heartbeat::map(-1, CALLGATE_HEARTBEAT_SLOTS);
  REQUIRE_FALSE(heart.has_value());
  CHECK(heart.error().code == "bad_slot");
}
