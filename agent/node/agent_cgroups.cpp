#include "node/agent_cgroups.hpp"

#include <chrono>
#include <thread>

#include <unistd.h>

#include "base/log.hpp"
#include "workload/process.hpp"

namespace callgate::node {
namespace {

constexpr std::string_view prefix = "agent-";
constexpr int removal_attempts = 40;
constexpr std::chrono::milliseconds removal_pause{5};

}  // namespace

Result<AgentCgroups> AgentCgroups::make(const std::string& root, std::uint32_t generation,
                                        const std::string& cgroup2_mount) {
  const auto self = workload::Process::open(::getpid());
  if (!self) return self.error();
  const auto origin = self->cgroup();
  if (!origin) return origin.error();
  const auto base = workload::make_cgroups(root);
  if (!base) return base.error();

  AgentCgroups cgroups;
  cgroups.root_ = base->path;
  cgroups.run_root_ = base->path + "/run";
  cgroups.origin_ = cgroup2_mount + (*origin == "/" ? "" : *origin);
  cgroups.own_ = base->path + "/" + std::string(prefix) + std::to_string(generation);
  const auto run = workload::make_cgroup(cgroups.run_root_);
  if (!run) return run.error();
  const auto own = workload::make_cgroup(cgroups.own_);
  if (!own) return own.error();
  const auto node = workload::make_cgroup(cgroups.own_ + "/node");
  if (!node) return node.error();
  auto proxy = workload::make_cgroup(cgroups.own_ + "/proxy");
  if (!proxy) return proxy.error();
  auto helper = workload::make_cgroup(cgroups.own_ + "/helper");
  if (!helper) return helper.error();
  cgroups.proxy_ = std::move(*proxy);
  cgroups.helper_ = std::move(*helper);
  CALLGATE_TRY(workload::move_process(node->path, ::getpid()));
  cgroups.remove_stale();
  return cgroups;
}

void AgentCgroups::remove_stale() const {
  for (const std::string& name : workload::children_of(root_)) {
    const std::string path = root_ + "/" + name;
    if (name.compare(0, prefix.size(), prefix) != 0 || path == own_) continue;
    const auto populated = workload::is_populated(path);
    if (!populated || *populated) continue;
    const auto removed = workload::remove_cgroup(path);
    if (!removed) log_warning("stale_cgroup_kept", {{"cgroup", path}, {"error", removed.error().message}});
  }
}

AgentCgroups::AgentCgroups(AgentCgroups&& other) noexcept {
  *this = std::move(other);
}

AgentCgroups& AgentCgroups::operator=(AgentCgroups&& other) noexcept {
  if (this != &other) {
    leave();
    root_ = std::move(other.root_);
    origin_ = std::move(other.origin_);
    own_ = std::exchange(other.own_, {});
    run_root_ = std::move(other.run_root_);
    proxy_ = std::move(other.proxy_);
    helper_ = std::move(other.helper_);
  }
  return *this;
}

AgentCgroups::~AgentCgroups() {
  leave();
}

void AgentCgroups::leave() {
  if (own_.empty()) return;
  const auto moved = workload::move_process(origin_, ::getpid());
  if (!moved) log_warning("cgroup_not_left", {{"cgroup", own_}, {"error", moved.error().message}});
  // A process that has ended can still count as there for a moment. One that still drains keeps its cgroup;
  // the next agent removes it.
  Result<void> removed = workload::remove_cgroup(own_);
  for (int attempt = 0; attempt < removal_attempts && !removed && removed.error().code == "busy"; ++attempt) {
    std::this_thread::sleep_for(removal_pause);
    removed = workload::remove_cgroup(own_);
  }
  if (!removed) log_warning("stale_cgroup_kept", {{"cgroup", own_}, {"error", removed.error().message}});
  own_.clear();
  // Another agent, which took this one's place or whose place this one did not take, goes on with the rest.
  for (const std::string& name : workload::children_of(root_)) {
    if (name.compare(0, prefix.size(), prefix) == 0) return;
  }
  // These stay while anything is left in them.
  ::rmdir(run_root_.c_str());
  ::rmdir(root_.c_str());
}

}  // namespace callgate::node
