#include "kernel/agent_cgroups.hpp"

#include <cerrno>
#include <string>

#include <sys/stat.h>

#include "kernel/cgroup.hpp"
#include "kernel/program_set.hpp"

namespace callgate::kernel {
namespace {

int map_of(const Programs& programs) {
  return ::bpf_map__fd(programs.set().skeleton->maps.agent_cgroups);
}

}  // namespace

Result<void> AgentCgroups::add(std::uint64_t cgroup_id) const {
  const std::uint8_t present = 1;
  if (::bpf_map_update_elem(map_of(programs_), &cgroup_id, &present, BPF_ANY) != 0)
    return system_error("add a cgroup to those of agents", errno);
  return {};
}

Result<void> AgentCgroups::remove(std::uint64_t cgroup_id) const {
  if (::bpf_map_delete_elem(map_of(programs_), &cgroup_id) != 0 && errno != ENOENT)
    return system_error("remove a cgroup from those of agents", errno);
  return {};
}

Result<std::vector<std::uint64_t>> AgentCgroups::list() const {
  std::vector<std::uint64_t> ids;
  std::uint64_t key = 0;
  for (const void* previous = nullptr; ::bpf_map_get_next_key(map_of(programs_), previous, &key) == 0;
       previous = &key)
    ids.push_back(key);
  if (errno != ENOENT) return system_error("list the cgroups of agents", errno);
  return ids;
}

Result<void> AgentCgroups::remove_dead() const {
  auto ids = list();
  if (!ids) return ids.error();
  for (const std::uint64_t id : *ids) {
    // Programs::attach() removes the pins of an agent when its last socket is gone.
    struct stat pins {};
    if (::stat((programs_.pin_root() + "/agents/" + std::to_string(id)).c_str(), &pins) == 0) continue;
    auto cgroup = open_cgroup_by_id(programs_.cgroup_mount(), id);
    if (cgroup) continue;
    if (cgroup.error().code != "no_cgroup") return cgroup.error();
    CALLGATE_TRY(remove(id));
  }
  return {};
}

}  // namespace callgate::kernel
