#include "kernel/workloads.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include <sys/stat.h>
#include <unistd.h>

#include "abi.h"
#include "base/file.hpp"
#include "kernel/cgroup.hpp"
#include "kernel/counters.hpp"
#include "kernel/link.hpp"
#include "kernel/program_set.hpp"

namespace callgate::kernel {
namespace {

constexpr std::uint64_t root_cgroup_id = 1;

// In the order of attaching. The first one makes the cgroup's storage, which cannot be written before, and
// does nothing while there is no configuration. What refuses without a configuration comes after it was
// written, what redirects comes when all that a redirected connection needs is there. Detaching goes the
// other way.
constexpr std::array hooks{
    Hook{"publish_flow", BPF_CGROUP_SOCK_OPS},          Hook{"peer_name_v4", BPF_CGROUP_INET4_GETPEERNAME},
    Hook{"peer_name_v6", BPF_CGROUP_INET6_GETPEERNAME}, Hook{"own_name_v4", BPF_CGROUP_INET4_GETSOCKNAME},
    Hook{"own_name_v6", BPF_CGROUP_INET6_GETSOCKNAME},  Hook{"create_socket", BPF_CGROUP_INET_SOCK_CREATE},
    Hook{"send_v4", BPF_CGROUP_UDP4_SENDMSG},           Hook{"send_v6", BPF_CGROUP_UDP6_SENDMSG},
    Hook{"guard_egress", BPF_CGROUP_INET_EGRESS},       Hook{"connect_v4", BPF_CGROUP_INET4_CONNECT},
    Hook{"connect_v6", BPF_CGROUP_INET6_CONNECT},
};

struct DirectoryName {
  std::uint64_t cgroup_id = 0;
  std::uint64_t workload = 0;
};

DirectoryName parse_name(const std::string& name) {
  char* end = nullptr;
  DirectoryName result;
  result.cgroup_id = std::strtoull(name.c_str(), &end, 10);
  if (end != nullptr && *end == '-') result.workload = std::strtoull(end + 1, nullptr, 10);
  return result;
}

int configs_map(const Programs& programs) {
  return ::bpf_map__fd(programs.set().skeleton->maps.workload_configs);
}
int counts_map(const Programs& programs) {
  return ::bpf_map__fd(programs.set().skeleton->maps.pending_counts);
}
int flows_map(const Programs& programs) {
  return ::bpf_map__fd(programs.set().skeleton->maps.pending_flows);
}

Error not_enrolled(std::uint64_t cgroup_id) {
  return make_error("not_enrolled",
                    "the cgroup with the id " + std::to_string(cgroup_id) + " is not enrolled");
}

bool is_below(const std::string& path, const std::string& parent) {
  return path.size() > parent.size() && path.compare(0, parent.size(), parent) == 0 &&
         path[parent.size()] == '/';
}

std::string pin_of(const std::string& directory, const Hook& hook) {
  return directory + "/" + hook.program;
}

}  // namespace

std::string Workloads::directory_of(std::uint64_t cgroup_id, std::uint64_t workload) const {
  return programs_.pin_root() + "/workloads/" + std::to_string(cgroup_id) + "-" + std::to_string(workload);
}

Result<std::string> Workloads::find_directory(std::uint64_t cgroup_id) const {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(programs_.pin_root() + "/workloads", error))
    if (parse_name(entry.path().filename()).cgroup_id == cgroup_id) return std::string(entry.path());
  if (error) return system_error("list pinned workloads", error.value());
  return not_enrolled(cgroup_id);
}

Result<void> Workloads::check_placement(int cgroup_fd, std::uint64_t cgroup_id,
                                        std::uint64_t workload) const {
  if (cgroup_id == root_cgroup_id)
    return make_error("root_cgroup", "the root cgroup holds the whole host and cannot be a workload");
  auto path = cgroup_path(cgroup_fd);
  if (!path) return path.error();
  auto agent = open_cgroup_by_id(programs_.cgroup_mount(), programs_.gates_cgroup_id());
  if (agent) {
    auto agent_path = cgroup_path(agent->get());
    if (!agent_path) return agent_path.error();
    if (*agent_path == *path || is_below(*agent_path, *path))
      return make_error(
          "agent_cgroup",
          "the cgroup " + *path + " holds the agent itself, whose connections would be sent back to it");
  }
  auto enrolled = list();
  if (!enrolled) return enrolled.error();
  for (const EnrolledWorkload& other : *enrolled) {
    if (other.cgroup_id == cgroup_id && other.workload == workload) continue;
    if (other.workload == workload)
      return make_error("workload_exists",
                        "the workload " + std::to_string(workload) + " is already enrolled with " +
                            other.cgroup_path.value_or("a removed cgroup") + "; unenrol it first");
    if (other.cgroup_id == cgroup_id)
      return make_error("workload_exists", "the cgroup " + *path +
                                               " is already enrolled for another workload (" +
                                               std::to_string(other.workload) + "); unenrol that first");
    if (other.cgroup_path && (is_below(*path, *other.cgroup_path) || is_below(*other.cgroup_path, *path)))
      return make_error("nested_enrolment",
                        "the cgroup " + *path + " and the enrolled cgroup " + *other.cgroup_path +
                            " lie one in the other; a process can belong to one workload only");
  }
  return {};
}

Result<void> Workloads::write_config(std::uint64_t cgroup_id, const callgate_workload_config& raw) const {
  if (::bpf_map_update_elem(configs_map(programs_), &cgroup_id, &raw, BPF_EXIST) != 0)
    return system_error("write the configuration of a workload", errno);
  return {};
}

Result<void> Workloads::attach_all(int cgroup_fd, std::uint64_t cgroup_id, const std::string& directory,
                                   const callgate_workload_config& raw) const {
  const bpf_object* object = programs_.set().skeleton->obj;
  auto configs = map_id(configs_map(programs_));
  if (!configs) return configs.error();
  const std::int64_t none = 0;
  if (::bpf_map_update_elem(counts_map(programs_), &raw.workload, &none, BPF_NOEXIST) != 0 && errno != EEXIST)
    return system_error("make a workload's counter of pending flows", errno);
  for (const Hook& hook : hooks) {
    CALLGATE_TRY(update_or_attach(object, hook, cgroup_fd, pin_of(directory, hook), *configs));
    if (&hook == &hooks.front()) CALLGATE_TRY(write_config(cgroup_id, raw));
  }
  return self_test(cgroup_id);
}

Result<void> Workloads::detach_all(const std::string& directory) const {
  for (auto hook = hooks.rbegin(); hook != hooks.rend(); ++hook)
    CALLGATE_TRY(detach_and_unpin(pin_of(directory, *hook)));
  return {};
}

Result<std::uint64_t> Workloads::enrol(const std::string& path, const WorkloadConfig& config) const {
  auto cgroup = open_cgroup(path);
  if (!cgroup) return cgroup.error();
  return enrol(cgroup->get(), config);
}

Result<std::uint64_t> Workloads::enrol(int cgroup_fd, const WorkloadConfig& config) const {
  auto raw = to_kernel(config);
  if (!raw) return raw.error();
  auto id = cgroup_id(cgroup_fd);
  if (!id) return id.error();
  CALLGATE_TRY(check_placement(cgroup_fd, *id, config.workload));
  const std::string directory = directory_of(*id, config.workload);
  std::error_code error;
  const bool is_new = !std::filesystem::exists(directory, error);
  CALLGATE_TRY(make_directories(directory, 0700));
  if (auto attached = attach_all(cgroup_fd, *id, directory, *raw); !attached) {
    // An older enrolment stays as it is: half of it new is better than none.
    if (is_new) {
      if (auto undone = unenrol(*id); !undone)
        return make_error(attached.error().code, attached.error().message + " (and undoing it failed: " +
                                                     undone.error().message + ")");
    }
    return attached.error();
  }
  return *id;
}

Result<void> Workloads::update(std::uint64_t cgroup_id, const WorkloadConfig& config) const {
  auto raw = to_kernel(config);
  if (!raw) return raw.error();
  auto directory = find_directory(cgroup_id);
  if (!directory) return directory.error();
  if (*directory != directory_of(cgroup_id, config.workload))
    return make_error("bad_workload_config",
                      "an enrolled workload keeps its id; unenrol it to give it another");
  return write_config(cgroup_id, *raw);
}

Result<void> Workloads::reopen(std::uint64_t cgroup_id) const {
  auto directory = find_directory(cgroup_id);
  if (!directory) return directory.error();
  auto cgroup = open_cgroup_by_id(programs_.cgroup_mount(), cgroup_id);
  if (!cgroup) return cgroup.error();
  auto configs = map_id(configs_map(programs_));
  if (!configs) return configs.error();
  callgate_workload_config raw{};
  if (::bpf_map_lookup_elem(configs_map(programs_), &cgroup_id, &raw) != 0)
    return make_error("maps_replaced", "the configuration of the enrolled cgroup " +
                                           std::to_string(cgroup_id) +
                                           " is in a map that is no longer pinned; enrol the workload again");
  const bpf_object* object = programs_.set().skeleton->obj;
  for (const Hook& hook : hooks)
    CALLGATE_TRY(update_or_attach(object, hook, cgroup->get(), pin_of(*directory, hook), *configs));
  return self_test(cgroup_id);
}

Result<void> Workloads::unenrol(std::uint64_t cgroup_id) const {
  auto directory = find_directory(cgroup_id);
  if (!directory) return directory.error();
  CALLGATE_TRY(detach_all(*directory));
  // Storage lives as long as the cgroup: what is enrolled there next must not start with this configuration.
  const callgate_workload_config zero{};
  if (::bpf_map_update_elem(configs_map(programs_), &cgroup_id, &zero, BPF_EXIST) != 0 && errno != ENOENT)
    return system_error("clear the configuration of a workload", errno);
  CALLGATE_TRY(remove_pending(parse_name(std::filesystem::path(*directory).filename()).workload));
  if (::rmdir(directory->c_str()) != 0) return system_error("remove " + *directory, errno);
  return {};
}

Result<void> Workloads::remove_pending(std::uint64_t workload) const {
  // Nobody counts these entries out any more: their sockets' programs are detached.
  const int map = flows_map(programs_);
  std::vector<callgate_pending_key> keys;
  callgate_pending_key key{};
  for (const void* previous = nullptr; ::bpf_map_get_next_key(map, previous, &key) == 0; previous = &key) {
    callgate_pending_flow entry{};
    if (::bpf_map_lookup_elem(map, &key, &entry) == 0 && entry.flow.workload == workload) keys.push_back(key);
    if (keys.size() > CALLGATE_MAX_PENDING_FLOWS) break;
  }
  for (const auto& found : keys)
    if (::bpf_map_delete_elem(map, &found) != 0 && errno != ENOENT)
      return system_error("remove a pending flow", errno);
  if (::bpf_map_delete_elem(counts_map(programs_), &workload) != 0 && errno != ENOENT)
    return system_error("remove a workload's counter of pending flows", errno);
  return {};
}

Result<std::vector<EnrolledWorkload>> Workloads::list() const {
  std::vector<EnrolledWorkload> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(programs_.pin_root() + "/workloads", error)) {
    const DirectoryName name = parse_name(entry.path().filename());
    EnrolledWorkload workload;
    workload.cgroup_id = name.cgroup_id;
    workload.workload = name.workload;
    auto cgroup = open_cgroup_by_id(programs_.cgroup_mount(), name.cgroup_id);
    if (cgroup) {
      auto path = cgroup_path(cgroup->get());
      if (!path) return path.error();
      workload.cgroup_path = *path;
      callgate_workload_config raw{};
      if (::bpf_map_lookup_elem(configs_map(programs_), &name.cgroup_id, &raw) == 0)
        workload.config = from_kernel(raw);
    } else if (cgroup.error().code != "no_cgroup") {
      return cgroup.error();
    }
    found.push_back(std::move(workload));
  }
  if (error) return system_error("list pinned workloads", error.value());
  return found;
}

Result<void> Workloads::self_test(std::uint64_t cgroup_id) const {
  auto directory = find_directory(cgroup_id);
  if (!directory) return directory.error();
  for (const Hook& hook : hooks)
    CALLGATE_TRY(verify_link(programs_.set().skeleton->obj, hook, cgroup_id, pin_of(*directory, hook)));
  callgate_workload_config raw{};
  if (::bpf_map_lookup_elem(configs_map(programs_), &cgroup_id, &raw) != 0 ||
      (raw.flags & CALLGATE_READY) == 0)
    return make_error("self_test_failed",
                      "the workload has no configuration and is refused everything; enrol it again");
  return {};
}

Result<Counters> Workloads::counters(std::uint64_t cgroup_id) const {
  auto sums = sum_over_cpus(::bpf_map__fd(programs_.set().skeleton->maps.workload_counters), &cgroup_id,
                            workload_counter_names.size());
  if (!sums) return sums.error().code == "no_entry" ? not_enrolled(cgroup_id) : sums.error();
  Counters counters;
  for (std::size_t i = 0; i < sums->size(); ++i)
    counters.emplace(workload_counter_names[i], (*sums)[i]);
  return counters;
}

Result<Workloads::Pending> Workloads::pending(std::uint64_t workload) const {
  Pending pending;
  if (::bpf_map_lookup_elem(counts_map(programs_), &workload, &pending.counted) != 0 && errno != ENOENT)
    return system_error("read a workload's counter of pending flows", errno);
  const int map = flows_map(programs_);
  callgate_pending_key key{};
  for (const void* previous = nullptr; ::bpf_map_get_next_key(map, previous, &key) == 0; previous = &key) {
    callgate_pending_flow entry{};
    if (::bpf_map_lookup_elem(map, &key, &entry) == 0 && entry.flow.workload == workload) ++pending.entries;
  }
  return pending;
}

}  // namespace callgate::kernel
