// Enrolment from end to end: registry, identity, gates, kernel programs and device guards of each workload.
//
// The order is what makes it safe: an entry of the registry is on disk before anything is attached, programs
// are attached before a process of `callgate run` is moved under them, and the entry goes last.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "kernel/device_guards.hpp"
#include "kernel/other_versions.hpp"
#include "kernel/workloads.hpp"
#include "node/loop.hpp"
#include "node/namespaces.hpp"
#include "workload/process.hpp"
#include "workload/registry.hpp"
#include "workload/standalone.hpp"

namespace callgate::node {

class Identities;

struct EnrolmentSettings {
  std::string cgroup2_mount;
  std::string agent_root;  // the agent's cgroups
  std::string run_root;    // where cgroups of `callgate run` are made
  std::uint64_t generation = 0;
  std::uint32_t heartbeat_slot = 0;
  bool open_on_agent_loss = false;  // of new workloads
  bool refuse_udp_443 = true;
  bool refuse_mptcp = true;
  bool refuse_sctp = true;
  bool refuse_raw = true;
  bool guard_devices = true;
  std::uint32_t pending_flows = 0;
};

// What is in memory about a registered workload.
struct Enrolment {
  workload::Workload workload;
  bool in_force =
      false;            // its gates are open and the kernel sends there; else it is refused, and tried again
  std::string problem;  // why not, or what is wrong although it is; empty: all is well
};

// What became of the connections that a workload had when it was enrolled.
struct ExistingConnections {
  bool reset = false;                  // else they were kept
  std::optional<std::uint64_t> count;  // empty: they were kept, and could not be counted
};

struct NewEnrolment {
  Enrolment enrolment;
  ExistingConnections existing;
};

class Enrolments {
 public:
  struct Hooks {
    std::function<workload::Mode(const workload::Workload&)> mode_of;
    std::function<void(const workload::Workload&)> known;  // it can appear in records from now on
  };

  Enrolments(Loop& loop, workload::Registry& registry, Namespaces& namespaces, Identities& identities,
             const kernel::Programs& programs, EnrolmentSettings settings, Hooks hooks);

  // Brings everything registered back into force, removes what is gone, and starts to watch. What cannot be
  // brought back stays refused and is tried again.
  [[nodiscard]] Result<void> start();
  // Stops watching, and gives the namespaces back. Everything stays attached.
  void stop();

  struct Request {
    std::string name;       // empty: made from the cgroup
    std::string spiffe_id;  // empty: made from the name
    uid_t owner = 0;
    pid_t asker = 0;  // may not belong to what is enrolled by its cgroup; 0: whoever it is, it may
    bool reset_existing = false;  // not for start_run, whose cgroup is empty
  };
  // On an error nothing is enrolled.
  [[nodiscard]] Result<NewEnrolment> enrol_cgroup(const std::string& path, const Request& request);
  [[nodiscard]] Result<NewEnrolment> enrol_process(pid_t pid, const Request& request);
  // Makes a cgroup, enrols it, and moves the asking process into it; `pidfd` proves which process that is. On
  // an error nothing is left and the process was not moved.
  [[nodiscard]] Result<Enrolment> start_run(const Request& request, int pidfd);
  // Detaches: connections are direct again. Error not_found.
  [[nodiscard]] Result<void> unenrol(std::uint64_t id);

  // After a change of policies: tells the kernel the mode of each workload again.
  void update_modes();
  // After a change of gates in a namespace.
  void update_gates(std::uint64_t cookie);

  [[nodiscard]] const std::map<std::uint64_t, Enrolment>& all() const { return enrolments_; }
  [[nodiscard]] const kernel::Workloads& kernel_side() const { return kernel_; }
  [[nodiscard]] const kernel::DeviceGuards& guards() const { return guards_; }
  [[nodiscard]] bool guarded(std::uint64_t cookie) const { return guarded_devices_.count(cookie) != 0; }
  // Interface indexes by the cookie of the network namespace behind them.
  [[nodiscard]] const std::map<std::uint64_t, std::vector<std::uint32_t>>& guarded_devices() const {
    return guarded_devices_;
  }
  // Pins in the kernel that the registry does not know.
  [[nodiscard]] std::vector<std::string> strangers() const;

 private:
  [[nodiscard]] Result<NewEnrolment> enrol(workload::Candidate candidate, const Request& request);
  // Once the programs are attached, so that no connection is made after the look.
  [[nodiscard]] Result<ExistingConnections> settle_existing(const workload::Workload& workload, bool reset);
  [[nodiscard]] Result<workload::Workload> describe(std::uint64_t id, const workload::Cgroup& cgroup,
                                                    workload::Kind kind, const Request& request) const;
  [[nodiscard]] Result<workload::Process> check_asker(const Request& request, int pidfd) const;
  [[nodiscard]] Result<void> move_asker(const workload::Cgroup& cgroup, pid_t asker, int pidfd) const;
  // Gates, registry, identity, programs, guard: all or nothing, but for the registry's entry where there was
  // one before.
  [[nodiscard]] Result<void> bring_into_force(Enrolment& enrolment, Fd network_namespace);
  [[nodiscard]] Result<void> attach(const workload::Workload& workload) const;
  [[nodiscard]] Result<void> attach_ours(const workload::Workload& workload) const;
  // The second half of taking workloads over from an agent of another ABI version.
  void detach_other_versions() const;
  [[nodiscard]] kernel::WorkloadConfig config_of(const workload::Workload& workload) const;
  // Guards the devices of a namespace as the workloads in it need, or frees them where there is none any
  // more.
  [[nodiscard]] Result<void> update_guard(std::uint64_t cookie);
  // Frees devices that an earlier agent guarded for workloads that have ended since.
  void remove_stale_guards();
  [[nodiscard]] Result<Fd> find_namespace(const workload::Workload& workload);
  // Brings an entry of the registry back into force, or removes it where its cgroup is gone.
  void restore(std::uint64_t id);
  void verify();
  void sweep();
  void remove_run_cgroups() const;
  [[nodiscard]] bool ended(const workload::Workload& workload) const;
  [[nodiscard]] workload::Surroundings surroundings() const;

  Loop& loop_;
  workload::Registry& registry_;
  Namespaces& namespaces_;
  Identities& identities_;
  kernel::Workloads kernel_;
  kernel::DeviceGuards guards_;
  kernel::OtherVersions other_versions_;
  EnrolmentSettings settings_;
  Hooks hooks_;
  std::map<std::uint64_t, Enrolment> enrolments_;
  std::map<std::uint64_t, std::vector<std::uint32_t>> guarded_devices_;  // by network namespace
  std::uint64_t own_cookie_ = 0;  // of callgated's own network namespace
  std::uint64_t sweeps_ = 0;
  Loop::Timer sweeper_;
};

}  // namespace callgate::node
