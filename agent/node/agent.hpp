// callgated as one object: what there is, in which order it starts and ends, and how one takes the place of
// another.
//
// agent.cpp has its life, agent_steps.cpp what each step of it does.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "abi.h"
#include "base/clock.hpp"
#include "config/config.hpp"
#include "kernel/programs.hpp"
#include "node/agent_cgroups.hpp"
#include "node/control_api.hpp"
#include "node/enrolments.hpp"
#include "node/heart.hpp"
#include "node/helper.hpp"
#include "node/identities.hpp"
#include "node/instance.hpp"
#include "node/known_workloads.hpp"
#include "node/namespaces.hpp"
#include "node/node.hpp"
#include "node/policies.hpp"
#include "node/predecessor.hpp"
#include "node/recording.hpp"
#include "node/replacement.hpp"
#include "node/service_manager.hpp"
#include "node/steps.hpp"
#include "node/supervisor.hpp"

namespace callgate::node {

class Agent {
 public:
  Agent(const config::Config& config, NodeOptions options) : config_(config), options_(std::move(options)) {}
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  [[nodiscard]] Result<void> run();

 private:
  // What can be there twice on a host, for a while: the next callgated starts these beside the running one.
  // The order of starting; each step may use what those before it made. Taken down in reverse.
  [[nodiscard]] std::vector<Step> prepared_steps();

  // What only one callgated may hold: the state directory and all that is in it, and the workloads. Can be
  // started again after it was stopped.
  [[nodiscard]] std::vector<Step> owned_steps();
  Result<void> start();
  Result<void> own();
  Result<void> check_in_force(const std::vector<std::uint64_t>& expected) const;
  void serve();

  // True: the next callgated has everything, and this one only has to drain. False: it is as before, or this
  // one was asked to stop meanwhile.
  bool hand_over();

  // Serves what is under way here to its end or the deadline. The next call does nothing.
  void leave();

  // What the steps do.
  Result<void> find_state();
  Result<void> own_state();
  Result<void> make_cgroups();
  Result<void> start_helper();
  Result<void> load_programs();
  Result<void> open_registry();
  Result<void> make_serving_parts();

  Supervisor::Hooks supervisor_hooks();
  Result<void> start_proxy();

  // Identities and policies that come back go on with what the proxy has of them.
  Result<void> make_parts();
  [[nodiscard]] EnrolmentSettings enrolment_settings() const;

  // Waits for what workloads must find resolved when they are sent here.
  Result<void> begin_service();

  // Generations overlap: what an older one leaves behind can only be removed once it has drained.
  Result<void> start_tidying();
  Result<void> start_control();
  void on_signal(int signal);

  // What the predecessor tells those who asked for the upgrade.
  [[nodiscard]] std::vector<std::string> notes() const;

  [[nodiscard]] std::string handover_socket() const { return config_.run_dir + "/handover.sock"; }
  [[nodiscard]] std::uint32_t heartbeat_slot() const { return generation_ % CALLGATE_HEARTBEAT_SLOTS; }

  const config::Config& config_;
  const NodeOptions options_;
  const std::uint64_t started_ns_ = wall_ns();
  const ServiceManager service_manager_ = ServiceManager::from_environment();
  std::uint32_t generation_ = 0;
  std::uint32_t threads_ = 1;
  std::string cgroup2_mount_;
  bool stopping_ = false;
  bool next_is_ready_ = false;
  bool handing_over_ = false;  // what is owned may be taken down, and the rest stays
  bool replaced_ = false;
  bool left_ = false;

  // In the order in which they may use each other; destroyed in reverse.
  Loop loop_;
  KnownWorkloads known_;
  Recording recording_{config_, known_, [this](std::uint32_t generation, const std::string& why) {
                         loop_.post([this, generation, why] { supervisor_->end_proxy(generation, why); });
                       }};
  std::optional<Predecessor> predecessor_;  // until everything of it is this one's
  std::optional<Instance> instance_;
  std::optional<AgentCgroups> cgroups_;
  std::optional<Helper> helper_;
  std::optional<kernel::Programs> programs_;
  std::optional<workload::Registry> registry_;
  std::optional<Supervisor> supervisor_;
  std::optional<Namespaces> namespaces_;
  std::optional<Replacement> replacement_;
  std::optional<Identities> identities_;
  std::optional<Policies> policies_;
  std::optional<Enrolments> enrolments_;
  std::optional<Heart> heart_;
  ControlApi control_{loop_};
  Loop::Timer tidying_;
  RunningSteps prepared_;
  RunningSteps owned_;
};

}  // namespace callgate::node
