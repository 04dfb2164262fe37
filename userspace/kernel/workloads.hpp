// Enrolment: the redirect programs on workloads' cgroups, their configuration and their counters.
//
// Everything lives in the kernel, pinned below <pin_dir>/v<ABI>/workloads/<cgroup id>-<workload id>: a
// restarted agent finds it with list(), gives the links its own programs with reopen(), and goes on. One
// thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "kernel/programs.hpp"
#include "kernel/workload_config.hpp"

namespace callgate::kernel {

struct EnrolledWorkload {
  std::uint64_t cgroup_id = 0;
  std::uint64_t workload = 0;
  std::optional<std::string>
      cgroup_path;        // empty: the cgroup was removed, only pins are left; unenrol() removes them
  WorkloadConfig config;  // all zero if the cgroup was removed or enrolment was interrupted
};

// Refers to `programs`, which outlives it.
class Workloads {
 public:
  explicit Workloads(const Programs& programs) : programs_(programs) {}

  // Enrols a cgroup with everything below it; returns its id. Programs that are already running in it are
  // redirected from their next socket() on; their connections stay. A cgroup that is already enrolled for the
  // same workload is brought to this configuration (also a half-finished enrolment of an agent that died). On
  // failure nothing new stays attached. Errors: bad_workload_config, no_cgroup, not_cgroup2, root_cgroup,
  // agent_cgroup, nested_enrolment, workload_exists, attach_failed, self_test_failed, system.
  [[nodiscard]] Result<std::uint64_t> enrol(const std::string& cgroup_path,
                                            const WorkloadConfig& config) const;
  [[nodiscard]] Result<std::uint64_t> enrol(int cgroup_fd, const WorkloadConfig& config) const;

  // Replaces the configuration as a whole, at once for every CPU. The workload's id cannot change.
  // Errors: not_enrolled, bad_workload_config, system.
  [[nodiscard]] Result<void> update(std::uint64_t cgroup_id, const WorkloadConfig& config) const;

  // After a restart: makes the pinned links run this process's programs, without a moment without a program;
  // the configuration stays as it is. Links that died or are of the wrong kind are replaced. Errors:
  // not_enrolled, no_cgroup (removed meanwhile), maps_replaced (enrol() again), self_test_failed, system.
  [[nodiscard]] Result<void> reopen(std::uint64_t cgroup_id) const;

  // Detaches everything: new connections are direct again, existing ones stay. Also for cgroups that are
  // gone. Errors: not_enrolled, system.
  [[nodiscard]] Result<void> unenrol(std::uint64_t cgroup_id) const;

  // Every enrolled cgroup, also removed ones.
  [[nodiscard]] Result<std::vector<EnrolledWorkload>> list() const;

  // Whether each link is alive, on this cgroup, of the right kind, and runs exactly our program, and the
  // configuration is one. Called by enrol() and reopen(); cheap enough to be called regularly. Errors:
  // not_enrolled, self_test_failed.
  [[nodiscard]] Result<void> self_test(std::uint64_t cgroup_id) const;

  // What the programs counted since the cgroup was first enrolled. Errors: not_enrolled, system.
  [[nodiscard]] Result<Counters> counters(std::uint64_t cgroup_id) const;

  // Connections between handshake and accept: as counted against the limit, and as found in the table.
  struct Pending {
    std::int64_t counted = 0;
    std::uint64_t entries = 0;
  };
  [[nodiscard]] Result<Pending> pending(std::uint64_t workload) const;

 private:
  [[nodiscard]] Result<void> check_placement(int cgroup_fd, std::uint64_t cgroup_id,
                                             std::uint64_t workload) const;
  [[nodiscard]] Result<void> attach_all(int cgroup_fd, std::uint64_t cgroup_id, const std::string& directory,
                                        const callgate_workload_config& raw) const;
  [[nodiscard]] Result<void> write_config(std::uint64_t cgroup_id, const callgate_workload_config& raw) const;
  [[nodiscard]] Result<void> detach_all(const std::string& directory) const;
  [[nodiscard]] Result<void> remove_pending(std::uint64_t workload) const;
  [[nodiscard]] Result<std::string> find_directory(std::uint64_t cgroup_id) const;
  [[nodiscard]] std::string directory_of(std::uint64_t cgroup_id, std::uint64_t workload) const;

  const Programs& programs_;
};

}  // namespace callgate::kernel
