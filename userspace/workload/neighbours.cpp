#include "workload/neighbours.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "workload/cgroup.hpp"
#include "workload/process.hpp"

namespace callgate::workload {
namespace {

constexpr std::size_t most_names = 4;

bool is_neighbour(const Process& process, std::uint64_t network_namespace, const std::string& mount,
                  const std::vector<std::string>& cgroups) {
  const auto handle = process.network_namespace();
  if (!handle) return false;
  const auto inode = namespace_inode(handle->get());
  if (!inode || *inode != network_namespace) return false;
  const auto below = process.cgroup();
  if (!below) return false;
  const std::string cgroup = mount + (*below == "/" ? "" : *below);
  return std::none_of(cgroups.begin(), cgroups.end(),
                      [&](const std::string& workload) { return is_within(cgroup, workload); });
}

}  // namespace

Result<Neighbours> find_neighbours(std::uint64_t network_namespace, const std::string& cgroup2_mount,
                                   const std::vector<std::string>& cgroups) {
  Neighbours found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename();
    pid_t pid = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (parsed.ec != std::errc() || parsed.ptr != name.data() + name.size()) continue;
    const auto process = Process::open(pid);
    if (!process || !is_neighbour(*process, network_namespace, cgroup2_mount, cgroups)) continue;
    ++found.count;
    const auto command = process->command();
    if (command && found.names.size() < most_names &&
        std::find(found.names.begin(), found.names.end(), *command) == found.names.end())
      found.names.push_back(*command);
  }
  if (error) return system_error("list processes", error.value());
  return found;
}

}  // namespace callgate::workload
