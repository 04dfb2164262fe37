#include <fcntl.h>
#include <fmt/format.h>

#include "base/log.hpp"
#include "callgate/v1/node.pb.h"
#include "kernel/abi_version.hpp"
#include "kernel/agent_cgroups.hpp"
#include "kernel/cgroup.hpp"
#include "kernel/other_versions.hpp"
#include "limit/limit_table.hpp"
#include "node/agent.hpp"
#include "node/settings.hpp"

namespace callgate::node {
namespace {

constexpr std::chrono::seconds tidying_interval{10};
constexpr std::chrono::milliseconds lock_patience{3000};
// Of name servers, for names in policies.
constexpr std::chrono::milliseconds first_answers{5000};

}  // namespace

Result<void> Agent::begin_service() {
  // What the predecessor allows by the address of a name must not be refused by this one.
  if (predecessor_) loop_.run_until([this] { return !policies_->resolving() || stopping_; }, first_answers);
  return {};
}

Result<void> Agent::find_state() {
  CALLGATE_TRY(make_state_directory(config_.state_dir));
  if (options_.replace) {
    auto predecessor = Predecessor::find(loop_, handover_socket());
    if (!predecessor && predecessor.error().code != "not_running") return predecessor.error();
    if (predecessor) predecessor_.emplace(std::move(*predecessor));
  }
  if (!predecessor_ && !options_.dry_run) CALLGATE_TRY(own_state());
  const auto generation = draw_generation(config_.state_dir);
  if (!generation) return generation.error();
  generation_ = *generation;
  return predecessor_ ? predecessor_->greet(kernel::abi_version(), generation_) : Result<void>();
}

// The lock of one that ended a moment ago may be there a little longer than its end of a channel.
Result<void> Agent::own_state() {
  if (instance_) return {};
  auto instance =
      Instance::lock(config_.state_dir, handing_over_ ? lock_patience : std::chrono::milliseconds(0));
  if (!instance) return instance.error();
  instance_.emplace(std::move(*instance));
  return {};
}

Result<void> Agent::make_cgroups() {
  auto mount = kernel::find_cgroup2_mount();
  if (!mount) return mount.error();
  cgroup2_mount_ = std::move(*mount);
  const std::string root = config_.cgroup_root.empty() ? cgroup2_mount_ + "/callgate" : config_.cgroup_root;
  auto cgroups = AgentCgroups::make(root, generation_, cgroup2_mount_);
  if (!cgroups) return cgroups.error();
  cgroups_.emplace(std::move(*cgroups));
  return {};
}

Result<void> Agent::start_helper() {
  helper_.emplace(loop_, options_.program, cgroups_->helper().path);
  return helper_->start();
}

Result<void> Agent::load_programs() {
  auto opened = kernel::open_programs({config_.pin_dir, cgroup2_mount_});
  if (!opened) return opened.error();
  auto loaded = std::move(*opened).load();
  if (!loaded) return loaded.error();
  const Fd cgroup(::open(cgroups_->helper().path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!cgroup) return system_error(fmt::format("open {}", cgroups_->helper().path), errno);
  auto attached = std::move(*loaded).attach(cgroup.get());
  if (!attached) return attached.error();
  programs_.emplace(std::move(*attached));
  const kernel::AgentCgroups agents(*programs_);
  const auto others = kernel::OtherVersions(*programs_).agent_cgroups();
  if (!others) return others.error();
  // Device guards are replaced in place: the connections of one that drains must pass ours.
  for (const std::uint64_t other : *others)
    CALLGATE_TRY(agents.add(other));
  return agents.remove_dead();
}

Result<void> Agent::open_registry() {
  const auto boot_id = workload::read_boot_id();
  if (!boot_id) return boot_id.error();
  auto registry = workload::Registry::open(config_.state_dir + "/workloads.json", *boot_id);
  if (!registry) return registry.error();
  registry_.emplace(std::move(*registry));
  if (registry_->dropped() != 0) {
    log_info("workloads_of_another_boot", {{"dropped", std::to_string(registry_->dropped())}});
  }
  CALLGATE_TRY(known_.open(config_.state_dir + "/owners"));
  registry_->start_above(known_.newest());
  for (const auto& [id, workload] : registry_->all())
    known_.add(workload);
  return {};
}

Result<void> Agent::make_serving_parts() {
  const auto user = proxy_user(config_.proxy.user);
  if (!user) return user.error();
  threads_ = proxy_threads(config_);
  v1::ProxyLimits limits = proxy_limits(config_);
  const std::uint64_t needed = descriptors_needed(limits, threads_);
  const std::uint64_t possible = raise_descriptor_limit(needed);
  if (possible < needed) {
    fit_connections(limits, threads_, possible);
    log_warning(
        "connections_limited",
        {{"open_files", std::to_string(possible)},
         {"needed", std::to_string(needed)},
         {"connections", std::to_string(limits.connections())},
         {"cure", "let callgated have more open files (LimitNOFILE), or lower `limits.connections`"}});
  }
  SupervisorSettings supervision;
  supervision.binary = proxy_binary(config_, options_.program);
  supervision.cgroup = cgroups_->proxy().path;
  supervision.uid = user->first;
  supervision.gid = user->second;
  supervisor_.emplace(loop_, *helper_, std::move(supervision), limits, supervisor_hooks());

  namespaces_.emplace(
      *helper_, *programs_,
      GateSettings{threads_, config_.gates.first_port, config_.gates.last_port, generation_},
      Namespaces::Events{[this](const OpenGate& gate) { supervisor_->gate_opened(gate); },
                         [this](const OpenGate& gate) { supervisor_->gate_closed(gate); },
                         [this](std::uint64_t cookie) { enrolments_->update_gates(cookie); }});
  supervisor_->use_namespaces(*namespaces_);
  heart_.emplace(programs_->heartbeat_map(), heartbeat_slot(),
                 [this] { return supervisor_->last_answer_ns(); });
  replacement_.emplace(loop_,
                       ReplacementSettings{handover_socket(), options_.program, options_.config_path,
                                           cgroups_->origin(), kernel::abi_version(), generation_},
                       [this] {
                         next_is_ready_ = true;
                         loop_.stop();
                       });
  return {};
}

Result<void> Agent::make_parts() {
  enrolments_.reset();  // refers to the others
  if (!identities_) {
    identities_.emplace(
        loop_,
        IdentitiesSettings{config_.state_dir + "/identity", config_.identity.trust_domain,
                           std::chrono::duration_cast<std::chrono::seconds>(config_.identity.svid_ttl),
                           config_.tls.system_roots},
        [this](std::uint64_t number, Fd snapshot) {
          supervisor_->set_identities(number, std::move(snapshot));
        });
  }
  if (!policies_) {
    PoliciesSettings policies;
    policies.directory = config_.policies_dir;
    policies.state_dir = config_.state_dir;
    policies.default_mode =
        config_.default_mode == config::Mode::enforce ? policy::Mode::enforce : policy::Mode::observe;
    policies_.emplace(loop_, std::move(policies), [this](std::uint64_t number, Fd snapshot) {
      supervisor_->set_policy(number, std::move(snapshot));
      enrolments_->update_modes();
    });
  }
  enrolments_.emplace(
      loop_, *registry_, *namespaces_, *identities_, *programs_, enrolment_settings(),
      Enrolments::Hooks{[this](const workload::Workload& workload) {
                          return policies_->mode_of(workload.name, workload.spiffe_id);
                        },
                        [this](const workload::Workload& workload) { known_.add(workload); }});
  return {};
}

EnrolmentSettings Agent::enrolment_settings() const {
  EnrolmentSettings settings;
  settings.cgroup2_mount = cgroup2_mount_;
  settings.agent_root = cgroups_->root();
  settings.run_root = cgroups_->run_root();
  settings.generation = generation_;
  settings.heartbeat_slot = heartbeat_slot();
  settings.open_on_agent_loss = config_.workload.on_agent_loss == config::OnAgentLoss::open;
  settings.refuse_udp_443 = config_.workload.refuse_udp443;
  settings.refuse_mptcp = config_.workload.refuse_mptcp;
  settings.refuse_sctp = config_.workload.refuse_sctp;
  settings.refuse_raw = config_.workload.refuse_raw;
  settings.guard_devices = config_.workload.device_guard == config::DeviceGuard::automatic;
  settings.pending_flows = config_.workload.pending_flows;
  return settings;
}

Supervisor::Hooks Agent::supervisor_hooks() {
  return {[this]() -> Result<std::uint32_t> {
            // Nobody would read the rings of a new proxy.
            if (handing_over_ && !predecessor_)
              return make_error("handing_over", "another callgated holds the state at the moment");
            return draw_generation(config_.state_dir);
          },
          [this](std::uint32_t generation) { return recording_.open_rings(generation, threads_); },
          [this] { return limit::LimitTable::open_file(config_.run_dir + "/limits"); },
          [this](std::uint32_t generation) { recording_.rings_closed(generation, threads_); },
          [this](const ProcessQuery& query) {
            return known_.process_path(query.tgid, query.start_ns, query.device, query.inode);
          }};
}

Result<void> Agent::start_proxy() {
  CALLGATE_TRY(supervisor_->start());
  const auto serves = [this] { return supervisor_->proxy() != nullptr && supervisor_->proxy()->ready(); };
  loop_.run_until([&] { return serves() || supervisor_->restarts() != 0 || stopping_; },
                  std::chrono::seconds(20));
  if (!serves() && !stopping_) {
    supervisor_->drain(std::chrono::milliseconds(0));
    return make_error("proxy_failed", fmt::format("{} did not become ready: its log lines above say why",
                                                  proxy_binary(config_, options_.program)));
  }
  return {};
}

Result<void> Agent::start_tidying() {
  tidying_ = loop_.every(tidying_interval, [this] {
    cgroups_->remove_stale();
    const auto removed = kernel::AgentCgroups(*programs_).remove_dead();
    if (!removed) log_warning("agent_cgroups_not_tidied", {{"error", removed.error().message}});
    const auto emptied = kernel::OtherVersions(*programs_).remove_empty();
    if (!emptied) log_warning("pins_not_tidied", {{"error", emptied.error().message}});
  });
  return {};
}

Result<void> Agent::start_control() {
  return control_.start({config_, *programs_, *enrolments_, *namespaces_, *identities_, *policies_,
                         *supervisor_, *helper_, recording_.recorder(), recording_.retention(), known_,
                         recording_.metrics(), *replacement_, generation_, started_ns_});
}

}  // namespace callgate::node
