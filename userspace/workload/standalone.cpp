#include "workload/standalone.hpp"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <set>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "workload/process.hpp"

namespace callgate::workload {
namespace {

constexpr std::size_t most_named = 3;

Error refused(std::string message) {
  return make_error("refused", std::move(message));
}

std::string describe(pid_t pid) {
  std::string name = "?";
  if (const auto process = Process::open(pid)) {
    if (const auto command = process->command()) name = *command;
  }
  return fmt::format("{} ({})", pid, name);
}

std::string describe(const std::vector<pid_t>& pids) {
  std::vector<std::string> names;
  for (const pid_t pid : pids) {
    if (names.size() == most_named) {
      names.push_back("...");
      break;
    }
    names.push_back(describe(pid));
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

Result<void> check_place(const Cgroup& cgroup, const Surroundings& around) {
  if (cgroup.path == around.cgroup2_mount) {
    return refused("the root cgroup holds the whole host, callgated too: enrol a cgroup below it");
  }
  if (!is_within(cgroup.path, around.cgroup2_mount)) {
    return refused(fmt::format("{} is not below the cgroup2 mount {}", cgroup.path, around.cgroup2_mount));
  }
  if (is_within(around.agent_root, cgroup.path) || is_within(cgroup.path, around.agent_root)) {
    return refused(
        fmt::format("{} holds the agent's own cgroups ({}), or is one of them: enrol another cgroup, or use "
                    "`callgate run`",
                    cgroup.path, around.agent_root));
  }
  for (const auto& [id, workload] : *around.enrolled) {
    if (workload.cgroup_id == cgroup.id) {
      return make_error("exists",
                        fmt::format("{} is enrolled already, as workload {}", cgroup.path, workload.name));
    }
    if (is_within(cgroup.path, workload.cgroup)) {
      return refused(fmt::format("{} lies inside of workload {} ({}), which covers it", cgroup.path,
                                 workload.name, workload.cgroup));
    }
    if (is_within(workload.cgroup, cgroup.path)) {
      return refused(fmt::format("{} contains workload {} ({}): `callgate unenroll {}` first", cgroup.path,
                                 workload.name, workload.cgroup, workload.name));
    }
  }
  return {};
}

bool descends_from(pid_t pid, pid_t ancestor) {
  std::set<pid_t> seen;
  while (pid > 1 && seen.insert(pid).second) {
    if (pid == ancestor) return true;
    const auto process = Process::open(pid);
    if (!process) return false;
    const auto parent = process->parent();
    if (!parent) return false;
    pid = *parent;
  }
  return false;
}

Result<Candidate> finish(Cgroup cgroup, std::vector<pid_t> processes) {
  auto network_namespace = common_network_namespace(processes);
  if (!network_namespace) return network_namespace.error();
  return Candidate{std::move(cgroup), std::move(processes), std::move(*network_namespace)};
}

}  // namespace

Result<Fd> common_network_namespace(const std::vector<pid_t>& processes) {
  Fd shared;
  std::uint64_t shared_inode = 0;
  pid_t first = 0;
  for (const pid_t pid : processes) {
    const auto process = Process::open(pid);
    if (!process) continue;
    auto network_namespace = process->network_namespace();
    if (!network_namespace) {
      if (network_namespace.error().code == "no_such_process" || !process->alive()) continue;
      return network_namespace.error();
    }
    const auto inode = namespace_inode(network_namespace->get());
    if (!inode) return inode.error();
    if (!shared) {
      shared = std::move(*network_namespace);
      shared_inode = *inode;
      first = pid;
    } else if (*inode != shared_inode) {
      return refused(fmt::format(
          "its processes are in several network namespaces, {} and {} for two: a workload has one; "
          "enrol a cgroup for each",
          describe(first), describe(pid)));
    }
  }
  if (shared) return shared;
  Fd own(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!own) return system_error("open /proc/self/ns/net", errno);
  return own;
}

Result<Candidate> candidate_by_cgroup(const std::string& path, pid_t asker, const Surroundings& around) {
  auto cgroup = open_cgroup(path);
  if (!cgroup) return cgroup.error();
  CALLGATE_TRY(check_place(*cgroup, around));
  auto processes = processes_of(cgroup->path);
  if (!processes) return processes.error();
  if (std::find(processes->begin(), processes->end(), asker) != processes->end()) {
    return refused(fmt::format(
        "the asking process is itself in {}: this would capture the session you type in. Ask from "
        "elsewhere, or start the program with `callgate run`",
        cgroup->path));
  }
  return finish(std::move(*cgroup), std::move(*processes));
}

Result<Candidate> candidate_by_process(pid_t pid, const Surroundings& around) {
  const auto process = Process::open(pid);
  if (!process) return process.error();
  const auto below_root = process->cgroup();
  if (!below_root) return below_root.error();
  auto cgroup = open_cgroup(around.cgroup2_mount + (*below_root == "/" ? "" : *below_root));
  if (!cgroup) return cgroup.error();
  CALLGATE_TRY(check_place(*cgroup, around));
  auto processes = processes_of(cgroup->path);
  if (!processes) return processes.error();
  std::vector<pid_t> others;
  for (const pid_t other : *processes) {
    if (!descends_from(other, pid)) others.push_back(other);
  }
  if (std::find(processes->begin(), processes->end(), pid) == processes->end() || !process->alive()) {
    return make_error("no_such_process", fmt::format("process {} left its cgroup meanwhile: ask again", pid));
  }
  if (!others.empty()) {
    return refused(fmt::format(
        "process {} shares {} with processes that do not descend from it: {}. Give --cgroup {} if all "
        "of them are meant, or start it in a cgroup of its own (`callgate run`, systemd-run)",
        describe(pid), cgroup->path, describe(others), cgroup->path));
  }
  return finish(std::move(*cgroup), std::move(*processes));
}

}  // namespace callgate::workload
