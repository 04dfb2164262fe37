#include "node/known_workloads.hpp"

#include <cerrno>
#include <sstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/file.hpp"
#include "base/log.hpp"
#include "workload/process.hpp"

namespace callgate::node {
namespace {

constexpr std::size_t largest_file = 64U << 20U;

template <typename Map>
void keep_newest(Map& map, std::size_t most) {
  // Ids only grow: the first is the oldest.
  while (map.size() > most)
    map.erase(map.begin());
}

}  // namespace

Result<void> KnownWorkloads::open(const std::string& path) {
  const std::lock_guard lock(mutex_);
  if (::access(path.c_str(), F_OK) == 0) {
    const auto text = read_file(path, largest_file);
    if (!text) return text.error();
    std::istringstream lines(*text);
    std::uint64_t id = 0;
    uid_t owner = 0;
    // A line that a crash cut short ends the reading; what it would have said, only root sees.
    while (lines >> id >> owner)
      owners_[id] = owner;
    keep_newest(owners_, most);
  }
  std::string content;
  for (const auto& [id, owner] : owners_)
    content += fmt::format("{} {}\n", id, owner);
  CALLGATE_TRY(replace_file(path, content, 0600));
  file_ = Fd(::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW));
  if (!file_) return system_error(fmt::format("open {}", path), errno);
  return {};
}

void KnownWorkloads::note_owner(std::uint64_t id, uid_t owner) {
  const auto [place, added] = owners_.try_emplace(id, owner);
  if (!added && place->second != owner) {
    // Records under this id are somebody else's: nobody but root may take both for their own.
    log_error("workload_id_reused", {{"workload", std::to_string(id)}});
    place->second = 0;
  }
  if (!added || !file_) return;
  const std::string line = fmt::format("{} {}\n", id, owner);
  if (::write(file_.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    log_warning("owner_not_kept",
                {{"workload", std::to_string(id)}, {"error", system_error("write", errno).message}});
  }
  keep_newest(owners_, most);
}

void KnownWorkloads::add(const workload::Workload& workload) {
  const std::lock_guard lock(mutex_);
  entries_[workload.id] = {workload.name, workload.spiffe_id};
  keep_newest(entries_, most);
  note_owner(workload.id, workload.owner);
}

std::optional<record::WorkloadName> KnownWorkloads::lookup(std::uint64_t workload) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(workload);
  if (found == entries_.end()) return std::nullopt;
  return found->second;
}

std::optional<std::string> KnownWorkloads::process_path(std::uint32_t tgid, std::uint64_t start_ns,
                                                        std::uint64_t device, std::uint64_t inode) {
  const Process process{tgid, start_ns, device, inode};
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = processes_.find(process); found != processes_.end()) return found->second;
  }
  auto path = workload::resolve_executable(tgid, start_ns, device, inode);
  if (!path) return path;
  const std::lock_guard lock(mutex_);
  if (processes_.emplace(process, *path).second) process_order_.push_back(process);
  if (process_order_.size() > most_processes) {
    processes_.erase(process_order_.front());
    process_order_.pop_front();
  }
  return path;
}

std::uint64_t KnownWorkloads::newest() const {
  const std::lock_guard lock(mutex_);
  return owners_.empty() ? 0 : owners_.rbegin()->first;
}

std::optional<uid_t> KnownWorkloads::owner(std::uint64_t workload) const {
  const std::lock_guard lock(mutex_);
  const auto found = owners_.find(workload);
  if (found == owners_.end()) return std::nullopt;
  return found->second;
}

}  // namespace callgate::node
