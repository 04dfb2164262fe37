// The world of one test: a host's network namespace with a server, a workload behind a veth, its gates, and
// its enrolment.
//
//   host netns: 10.77.0.1, fd77::1  <== veth (host0 | eth0) ==>  workload netns: 10.77.0.2, fd77::2
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sys/socket.h>

#include "base/address.hpp"
#include "kernel/device_guards.hpp"
#include "kernel/flow.hpp"
#include "kernel/gate.hpp"
#include "kernel/programs.hpp"
#include "kernel/workloads.hpp"
#include "need.hpp"
#include "place.hpp"

namespace callgate::test {

inline constexpr std::uint64_t generation = 1;
inline constexpr const char* server_v4 = "10.77.0.1";
inline constexpr const char* server_v6 = "fd77::1";
inline constexpr const char* workload_v4 = "10.77.0.2";
inline constexpr const char* workload_v6 = "fd77::2";

// What is made once for all tests: a bpffs, cgroups, loaded programs attached to the agent's cgroup.
class Machine {
 public:
  static Machine& get();
  static void tear_down();
  ~Machine();
  [[nodiscard]] const kernel::Programs& programs() const { return *programs_; }
  [[nodiscard]] const Cgroup& agent() const { return *agent_; }
  [[nodiscard]] const Cgroup& outside() const { return *outside_; }
  [[nodiscard]] const std::string& pin_dir() const { return pin_dir_; }
  [[nodiscard]] const std::string& cgroup_root() const { return root_->path(); }
  [[nodiscard]] std::string new_cgroup_path();

 private:
  Machine();
  std::string bpffs_;
  std::string pin_dir_;
  std::unique_ptr<Cgroup> root_;
  std::unique_ptr<Cgroup> agent_;
  std::unique_ptr<Cgroup> outside_;
  std::unique_ptr<kernel::Programs> programs_;
  int next_cgroup_ = 0;
};

// Opens, loads and attaches programs, as an agent does at its start.
[[nodiscard]] kernel::Programs start_programs(const std::string& pin_dir, const Cgroup& agent);

struct Listener {
  Fd fd;
  std::uint16_t port = 0;
};

// A connection that arrived somewhere.
struct Arrival {
  Fd fd;
  Address peer;
};
// The next connection of a listener, waited for; nothing if none comes.
[[nodiscard]] std::optional<Arrival> next_arrival(int listener);
// Whether a connection is waiting right now.
[[nodiscard]] bool has_arrival(int listener);

struct WorldOptions {
  int gates = 1;  // of each family
  bool enrol = true;
  kernel::WorkloadConfig config{};  // ids, cookie, ports and sources are filled in
  std::string fast_open{};          // value of the workload's sysctl tcp_fastopen, before gates are made
};

class World {
 public:
  explicit World(WorldOptions options = {});
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World();

  // Where code of the workload runs; of somebody else in the same network namespace; and of the agent.
  [[nodiscard]] Place inside(uid_t user = 0) const { return {cgroup_.get(), &workload_, user}; }
  [[nodiscard]] Place beside(uid_t user = 0) const { return {&Machine::get().outside(), &workload_, user}; }
  [[nodiscard]] Place agent() const { return {&Machine::get().agent(), &workload_, 0}; }

  [[nodiscard]] const NetworkNamespace& netns() const { return workload_; }
  [[nodiscard]] const Cgroup& cgroup() const { return *cgroup_; }
  [[nodiscard]] std::uint64_t cgroup_id() const { return cgroup_id_; }
  [[nodiscard]] std::uint32_t host_device() const { return host_device_; }
  [[nodiscard]] kernel::WorkloadConfig& config() { return config_; }
  [[nodiscard]] const kernel::WorkloadConfig& config() const { return config_; }
  [[nodiscard]] kernel::Workloads workloads() const { return kernel::Workloads(Machine::get().programs()); }
  [[nodiscard]] kernel::DeviceGuards guards() const {
    return kernel::DeviceGuards(Machine::get().programs());
  }
  [[nodiscard]] std::uint64_t count(const std::string& counter) const;
  [[nodiscard]] std::uint64_t device_count(const std::string& counter) const;
  [[nodiscard]] kernel::Counters counters() const;

  // Where things listen on the host: reached directly or not at all.
  [[nodiscard]] const Listener& server(bool v6) const { return v6 ? server_v6_ : server_v4_; }
  [[nodiscard]] Address server_address(bool v6) const;

  [[nodiscard]] const std::vector<kernel::Gate>& gates(kernel::Family family) const {
    return family == kernel::Family::v6 ? gates_v6_ : gates_v4_;
  }
  [[nodiscard]] std::vector<kernel::Gate>& gates(kernel::Family family) {
    return family == kernel::Family::v6 ? gates_v6_ : gates_v4_;
  }
  // The next connection at any gate of the family, waited for.
  [[nodiscard]] std::optional<Arrival> at_gate(bool v6) const;
  [[nodiscard]] bool gate_has_arrival() const;
  [[nodiscard]] bool server_has_arrival() const;

  // A gate made by the agent's helper in the workload's namespace, not marked.
  [[nodiscard]] kernel::Gate make_gate(kernel::Family family, kernel::PortRange range) const;
  void mark(const kernel::Gate& gate) const;

  void enrol();
  void update();  // writes config()
  void guard(bool enforce = true, bool open_on_loss = false);

 private:
  std::unique_ptr<NetworkNamespace> host_;
  NetworkNamespace workload_;
  std::unique_ptr<Cgroup> cgroup_;
  Fd previous_netns_;
  Listener server_v4_;
  Listener server_v6_;
  std::vector<kernel::Gate> gates_v4_;
  std::vector<kernel::Gate> gates_v6_;
  kernel::WorkloadConfig config_;
  std::uint64_t cgroup_id_ = 0;
  std::uint32_t host_device_ = 0;
  bool guarded_ = false;
};

}  // namespace callgate::test
