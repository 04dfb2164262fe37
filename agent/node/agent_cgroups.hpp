// The cgroups in which an agent's own processes live: <cgroup_root>/agent-<generation>/{node,proxy,helper}.
//
// A generation has its own, so that kernel programs and guards know the sockets of each apart while an old
// proxy drains.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "workload/cgroup.hpp"

namespace callgate::node {

class AgentCgroups {
 public:
  // Makes the cgroups and moves this process into its own; removes those of earlier generations that nobody
  // is in any more.
  [[nodiscard]] static Result<AgentCgroups> make(const std::string& root, std::uint32_t generation,
                                                 const std::string& cgroup2_mount);
  AgentCgroups(AgentCgroups&&) noexcept;
  AgentCgroups& operator=(AgentCgroups&&) noexcept;
  AgentCgroups(const AgentCgroups&) = delete;
  AgentCgroups& operator=(const AgentCgroups&) = delete;
  // Moves this process back to where it came from, and removes what is empty then.
  ~AgentCgroups();

  // Removes the cgroups of earlier generations that have drained meanwhile.
  void remove_stale() const;

  [[nodiscard]] const workload::Cgroup& proxy() const { return proxy_; }
  [[nodiscard]] const workload::Cgroup& helper() const { return helper_; }
  // Where the cgroups of `callgate run` are made.
  [[nodiscard]] const std::string& run_root() const { return run_root_; }
  // The cgroup that callgated was started in.
  [[nodiscard]] const std::string& origin() const { return origin_; }
  // The root as the kernel names it, without symbolic links.
  [[nodiscard]] const std::string& root() const { return root_; }

 private:
  AgentCgroups() = default;
  void leave();

  std::string root_;
  std::string origin_;
  std::string own_;  // <root>/agent-<generation>; empty: moved from
  std::string run_root_;
  workload::Cgroup proxy_;
  workload::Cgroup helper_;
};

}  // namespace callgate::node
