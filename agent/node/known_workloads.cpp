#include "node/known_workloads.hpp"

#include "workload/process.hpp"

namespace callgate::node {

void KnownWorkloads::add(const workload::Workload& workload) {
  const std::lock_guard lock(mutex_);
  entries_[workload.id] = {{workload.name, workload.spiffe_id}, workload.owner};
  // Ids only grow: the first is the oldest.
  while (entries_.size() > most)
    entries_.erase(entries_.begin());
}

std::optional<record::WorkloadName> KnownWorkloads::lookup(std::uint64_t workload) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(workload);
  if (found == entries_.end()) return std::nullopt;
  return found->second.name;
}

std::optional<std::string> KnownWorkloads::process_path(std::uint32_t tgid, std::uint64_t start_ns,
                                                        std::uint64_t device, std::uint64_t inode) {
  return workload::resolve_executable(tgid, start_ns, device, inode);
}

std::optional<uid_t> KnownWorkloads::owner(std::uint64_t workload) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(workload);
  if (found == entries_.end()) return std::nullopt;
  return found->second.owner;
}

}  // namespace callgate::node
