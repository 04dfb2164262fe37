// The kernel programs and their maps: opened, then loaded, then attached on the gates' side.
//
// Each step is a type of its own, so that a workload cannot be enrolled with programs that are not attached:
//
//   auto programs = open_programs({.pin_dir = "/sys/fs/bpf/callgate"});   // OpenedPrograms: this kernel can
//   run them auto loaded = std::move(*programs).load();                              // LoadedPrograms:
//   verified, maps pinned auto attached = std::move(*loaded).attach(helper_cgroup_fd);            //
//   Programs: gates get their flows Workloads workloads(*attached); DeviceGuards guards(*attached);
//   AgentCgroups cgroups(*attached);
//
// Maps and links are pinned below <pin_dir>/v<ABI>/ and outlive the process: enrolled workloads stay
// redirected (and are refused while no gate is there) until they are unenrolled. The destructors therefore
// only close file descriptors. One thread at a time uses an object of this room. While loading, libbpf's
// messages of the whole process are collected.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace callgate::kernel {

struct ProgramsConfig {
  std::string pin_dir;       // a directory in a bpffs; two agents on one host have two
  std::string cgroup_mount;  // of cgroup2; empty: the first one that is mounted
};

using Counters = std::map<std::string, std::uint64_t>;  // every counter of its kind by name, zeros too

// What userspace needs of the loaded programs; for the sources of this room only.
struct ProgramSet;

class Programs;
class LoadedPrograms;

class OpenedPrograms {
 public:
  OpenedPrograms(OpenedPrograms&&) noexcept;
  OpenedPrograms& operator=(OpenedPrograms&&) noexcept;
  ~OpenedPrograms();

  // Has the kernel verify the programs; makes and pins the maps, or takes over those of an earlier agent.
  // Errors: pinned_layout (a pinned map has another layout), load_failed (with the verifier's last lines),
  // system.
  [[nodiscard]] Result<LoadedPrograms> load() &&;

 private:
  explicit OpenedPrograms(std::unique_ptr<ProgramSet> set);
  friend Result<OpenedPrograms> open_programs(ProgramsConfig config);
  std::unique_ptr<ProgramSet> set_;
};

class LoadedPrograms {
 public:
  LoadedPrograms(LoadedPrograms&&) noexcept;
  LoadedPrograms& operator=(LoadedPrograms&&) noexcept;
  ~LoadedPrograms();

  // Attaches the gates' side to the cgroup in which gates and upstream sockets are made, adds that cgroup to
  // the set that device guards let out, and removes what is left of agents whose cgroup is gone. Pinned: a
  // proxy that outlives its callgated keeps getting flows. Errors: not_cgroup2, attach_failed, system.
  [[nodiscard]] Result<Programs> attach(int gates_cgroup_fd) &&;

 private:
  explicit LoadedPrograms(std::unique_ptr<ProgramSet> set);
  friend class OpenedPrograms;
  std::unique_ptr<ProgramSet> set_;
};

struct GateMark {
  std::uint64_t generation =
      0;  // not 0; workloads accept only gates of the generation they are configured for
  std::uint64_t workload =
      0;  // the only workload that may be sent to this gate; 0: any in its network namespace
};

class Programs {
 public:
  Programs(Programs&&) noexcept;
  Programs& operator=(Programs&&) noexcept;
  ~Programs();

  // Makes a listener a gate, or no gate any more. Errors: bad_mark, system.
  [[nodiscard]] Result<void> mark_gate(int listener_fd, const GateMark& mark) const;
  [[nodiscard]] Result<void> unmark_gate(int listener_fd) const;

  // Connections that arrived at gates: matched, unmatched, ... (bpf/abi.h). Error system.
  [[nodiscard]] Result<Counters> gate_counters() const;

  // The array that Heartbeat maps; may be passed to another process, which then can beat without privileges.
  [[nodiscard]] int heartbeat_map() const;

  // <pin_dir>/v<ABI>
  [[nodiscard]] const std::string& pin_root() const;
  [[nodiscard]] const std::string& cgroup_mount() const;
  [[nodiscard]] std::uint64_t gates_cgroup_id() const;

  // For the other classes of this room.
  [[nodiscard]] const ProgramSet& set() const { return *set_; }

 private:
  explicit Programs(std::unique_ptr<ProgramSet> set);
  friend class LoadedPrograms;
  std::unique_ptr<ProgramSet> set_;
};

// Checks what the programs cannot do without (kernel, BTF, bpffs, cgroup2), and opens them.
// Errors: kernel_too_old, btf_missing, not_bpffs, no_cgroup2, each with its cure; open_failed.
[[nodiscard]] Result<OpenedPrograms> open_programs(ProgramsConfig config);

}  // namespace callgate::kernel
