// What the recorder asks the agent about a session at the moment it opens: who its workload is and what its
// process runs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace callgate::record {

struct WorkloadName {
  std::string name;
  std::string spiffe_id;
};

// Called on the recorder's thread, once per session. Must not block.
class WorkloadDirectory {
 public:
  WorkloadDirectory() = default;
  WorkloadDirectory(const WorkloadDirectory&) = delete;
  WorkloadDirectory& operator=(const WorkloadDirectory&) = delete;
  virtual ~WorkloadDirectory() = default;

  // Nothing where no workload has this registry id.
  [[nodiscard]] virtual std::optional<WorkloadName> lookup(std::uint64_t workload) = 0;
  // The executable's path, only where it belongs to exactly this process: same start time (ns since boot),
  // device, inode.
  [[nodiscard]] virtual std::optional<std::string> process_path(std::uint32_t tgid, std::uint64_t start_ns,
                                                                std::uint64_t device,
                                                                std::uint64_t inode) = 0;
};

}  // namespace callgate::record
