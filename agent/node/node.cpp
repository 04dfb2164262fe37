#include "node/node.hpp"

#include <csignal>
#include <optional>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi.h"
#include "base/clock.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "callgate/v1/node.pb.h"
#include "kernel/agent_cgroups.hpp"
#include "kernel/cgroup.hpp"
#include "kernel/programs.hpp"
#include "node/agent_cgroups.hpp"
#include "node/call_log.hpp"
#include "node/control_backend.hpp"
#include "node/enrolments.hpp"
#include "node/heart.hpp"
#include "node/helper.hpp"
#include "node/identities.hpp"
#include "node/instance.hpp"
#include "node/known_workloads.hpp"
#include "node/metrics.hpp"
#include "node/namespaces.hpp"
#include "node/policies.hpp"
#include "node/service_manager.hpp"
#include "node/settings.hpp"
#include "node/steps.hpp"
#include "node/supervisor.hpp"
#include "record/recorder.hpp"

namespace callgate::node {
namespace {

constexpr std::chrono::seconds tidying_interval{10};

class Node {
 public:
  Node(const config::Config& config, std::string program) : config_(config), program_(std::move(program)) {}
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  [[nodiscard]] Result<void> run() {
    loop_.on_signals({SIGTERM, SIGINT, SIGHUP}, [this](int signal) { on_signal(signal); });
    CALLGATE_TRY(running_.start(steps()));
    log_info("started", {{"version", CALLGATE_VERSION},
                         {"generation", std::to_string(generation_)},
                         {"workloads", std::to_string(enrolments_->all().size())},
                         {"policies", policies_->status().version},
                         {"control", config_.control.socket}});
    service_manager_.ready();
    if (!stopping_) loop_.run();
    service_manager_.stopping();
    log_info("stopping", {{"workloads", std::to_string(enrolments_->all().size())},
                          {"enrolments",
                           "stay attached; their connections are refused until callgated runs again, but "
                           "for workloads that are open on agent loss"}});
    running_.stop();
    log_info("stopped", {});
    return {};
  }

 private:
  // The order of starting; each step may use what those before it made. Taken down in reverse.
  [[nodiscard]] std::vector<Step> steps() {
    return {
        {"state directory", [this] { return take_state(); }, [this] { instance_.reset(); }},
        {"run directory", [this] { return make_run_directory(); }, {}},
        {"cgroups", [this] { return make_cgroups(); }, [this] { cgroups_.reset(); }},
        {"socket helper", [this] { return start_helper(); }, [this] { helper_->stop(); }},
        {"kernel programs", [this] { return load_programs(); }, {}},
        {"registry", [this] { return open_registry(); }, {}},
        {"parts", [this] { return make_parts(); }, {}},
        {"identities", [this] { return identities_->start(); }, {}},
        {"policies", [this] { return policies_->start(); }, [this] { policies_->stop(); }},
        {"recorder", [this] { return start_recorder(); }, [this] { recorder_->stop(); }},
        {"proxy", [this] { return start_proxy(); }, [this] { supervisor_->drain(config_.timeouts.drain); }},
        {"enrolments", [this] { return enrolments_->start(); }, [this] { leave_enrolments(); }},
        {"heartbeat", [this] { return heart_->start(); }, [this] { heart_->stop(); }},
        {"tidying", [this] { return start_tidying(); }, [this] { tidying_ = {}; }},
        {"control API", [this] { return start_control(); }, [this] { stop_control(); }},
    };
  }

  Result<void> take_state() {
    auto instance = Instance::lock(config_.state_dir);
    if (!instance) return instance.error();
    instance_.emplace(std::move(*instance));
    const auto generation = instance_->draw_generation();
    if (!generation) return generation.error();
    generation_ = *generation;
    return {};
  }

  Result<void> make_run_directory() {
    CALLGATE_TRY(make_directories(config_.run_dir, 0755));
    CALLGATE_TRY(make_directories(rings(), 0700));
    // Whoever could write here could put a ring of his own in place.
    if (::chmod(rings().c_str(), 0700) != 0) return system_error(fmt::format("chmod {}", rings()), errno);
    return {};
  }

  Result<void> make_cgroups() {
    auto mount = kernel::find_cgroup2_mount();
    if (!mount) return mount.error();
    cgroup2_mount_ = std::move(*mount);
    const std::string root = config_.cgroup_root.empty() ? cgroup2_mount_ + "/callgate" : config_.cgroup_root;
    auto cgroups = AgentCgroups::make(root, generation_, cgroup2_mount_);
    if (!cgroups) return cgroups.error();
    cgroups_.emplace(std::move(*cgroups));
    return {};
  }

  Result<void> start_helper() {
    helper_.emplace(loop_, program_, cgroups_->helper().path);
    return helper_->start();
  }

  Result<void> load_programs() {
    auto opened = kernel::open_programs({config_.pin_dir, cgroup2_mount_});
    if (!opened) return opened.error();
    auto loaded = std::move(*opened).load();
    if (!loaded) return loaded.error();
    const Fd cgroup(::open(cgroups_->helper().path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!cgroup) return system_error(fmt::format("open {}", cgroups_->helper().path), errno);
    auto attached = std::move(*loaded).attach(cgroup.get());
    if (!attached) return attached.error();
    programs_.emplace(std::move(*attached));
    return kernel::AgentCgroups(*programs_).remove_dead();
  }

  Result<void> open_registry() {
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

  Result<void> make_parts() {
    const auto user = proxy_user(config_.proxy.user);
    if (!user) return user.error();
    threads_ = proxy_threads(config_);
    SupervisorSettings supervision;
    supervision.binary = proxy_binary(config_, program_);
    supervision.cgroup = cgroups_->proxy().path;
    supervision.uid = user->first;
    supervision.gid = user->second;
    supervisor_.emplace(loop_, *helper_, std::move(supervision), proxy_limits(config_), supervisor_hooks());

    namespaces_.emplace(
        *helper_, *programs_,
        GateSettings{threads_, config_.gates.first_port, config_.gates.last_port, generation_},
        Namespaces::Events{[this](const OpenGate& gate) { supervisor_->gate_opened(gate); },
                           [this](const OpenGate& gate) { supervisor_->gate_closed(gate); },
                           [this](std::uint64_t cookie) { enrolments_->update_gates(cookie); }});
    supervisor_->use_namespaces(*namespaces_);

    identities_.emplace(
        loop_,
        IdentitiesSettings{config_.state_dir + "/identity", config_.identity.trust_domain,
                           std::chrono::duration_cast<std::chrono::seconds>(config_.identity.svid_ttl),
                           config_.tls.system_roots},
        [this](std::uint64_t number, Fd snapshot) {
          supervisor_->set_identities(number, std::move(snapshot));
        });

    PoliciesSettings policies;
    policies.directory = config_.policies_dir;
    policies.state_dir = config_.state_dir;
    policies.default_mode =
        config_.default_mode == config::Mode::enforce ? policy::Mode::enforce : policy::Mode::observe;
    policies_.emplace(loop_, std::move(policies), [this](std::uint64_t number, Fd snapshot) {
      supervisor_->set_policy(number, std::move(snapshot));
      enrolments_->update_modes();
    });

    enrolments_.emplace(
        loop_, *registry_, *namespaces_, *identities_, *programs_, enrolment_settings(),
        Enrolments::Hooks{[this](const workload::Workload& workload) {
                            return policies_->mode_of(workload.name, workload.spiffe_id);
                          },
                          [this](const workload::Workload& workload) { known_.add(workload); }});
    heart_.emplace(programs_->heartbeat_map(), heartbeat_slot(),
                   [this] { return supervisor_->last_answer_ns(); });
    return {};
  }

  [[nodiscard]] EnrolmentSettings enrolment_settings() const {
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

  Supervisor::Hooks supervisor_hooks() {
    return {[this] { return instance_->draw_generation(); },
            [this](std::uint32_t generation) { return open_rings(generation); },
            [this](std::uint32_t generation) {
              for (std::uint32_t thread = 0; thread < threads_; ++thread)
                recorder_->ring_closed({generation, thread});
            },
            [this](const ProcessQuery& query) {
              return known_.process_path(query.tgid, query.start_ns, query.device, query.inode);
            }};
  }

  Result<std::vector<Fd>> open_rings(std::uint32_t generation) {
    std::vector<Fd> opened;
    for (std::uint32_t thread = 0; thread < threads_; ++thread) {
      const record::RingOwner owner{generation, thread};
      auto ring = record::create_ring(rings() + "/" + record::ring_name(owner), config_.rings.size, owner);
      if (!ring) return ring.error();
      opened.push_back(std::move(*ring));
      CALLGATE_TRY(recorder_->add_ring(owner));
    }
    return opened;
  }

  Result<void> start_recorder() {
    record::RecorderOptions options;
    options.state_directory = config_.state_dir;
    options.ring_directory = rings();
    options.journal_segment = config_.record.segment_size;
    options.sync_interval = config_.record.sync_interval;
    options.on_ring_ended = [this](record::RingOwner owner, const std::optional<Error>& error) {
      if (!error) return;
      loop_.post([this, owner, message = error->message] {
        supervisor_->end_proxy(owner.generation, "its ring is corrupt: " + message);
      });
    };
    options.on_record = [this](const v1::Record& record) {
      metrics_.note(record);
      call_log_.note(record, monotonic_ns());
    };
    auto recorder = record::Recorder::start(std::move(options), known_);
    if (!recorder) return recorder.error();
    recorder_ = std::move(*recorder);
    return {};
  }

  Result<void> start_proxy() {
    CALLGATE_TRY(supervisor_->start());
    const auto serves = [this] { return supervisor_->proxy() != nullptr && supervisor_->proxy()->ready(); };
    loop_.run_until([&] { return serves() || supervisor_->restarts() != 0 || stopping_; },
                    std::chrono::seconds(20));
    if (!serves() && !stopping_) {
      supervisor_->drain(std::chrono::milliseconds(0));
      return make_error("proxy_failed", fmt::format("{} did not become ready: its log lines above say why",
                                                    proxy_binary(config_, program_)));
    }
    return {};
  }

  void leave_enrolments() {
    enrolments_->stop();
    namespaces_->close_all();
  }

  // Generations overlap: what an older one leaves behind can only be removed once it has drained.
  Result<void> start_tidying() {
    tidying_ = loop_.every(tidying_interval, [this] {
      cgroups_->remove_stale();
      const auto removed = kernel::AgentCgroups(*programs_).remove_dead();
      if (!removed) log_warning("agent_cgroups_not_tidied", {{"error", removed.error().message}});
    });
    return {};
  }

  Result<void> start_control() {
    control::ServerOptions options;
    options.socket = config_.control.socket;
    if (!config_.control.group.empty()) {
      const auto group = control::resolve_group(config_.control.group);
      if (!group) return group.error();
      options.group = *group;
    }
    std::vector<std::string> unknown;
    options.access.admins = control::Users::resolve(config_.control.admins, unknown);
    options.access.runners = control::Users::resolve(config_.run.users, unknown);
    for (const auto& grant : config_.identities) {
      options.access.identities.push_back({grant.id, control::Users::resolve(grant.users, unknown)});
    }
    for (const std::string& name : unknown)
      log_warning("unknown_user", {{"user", name}});
    backend_.emplace(
        calls_, AgentParts{config_, *programs_, *enrolments_, *namespaces_, *identities_, *policies_,
                           *supervisor_, *helper_, *recorder_, known_, metrics_, generation_, started_ns_});
    auto server = control::Server::start(std::move(options), *backend_);
    if (!server) return server.error();
    server_ = std::move(*server);
    return {};
  }

  void stop_control() {
    calls_.stop();
    server_.reset();
  }

  void on_signal(int signal) {
    if (signal == SIGHUP) {
      log_info("reload_asked", {});
      if (policies_) policies_->reload();
      return;
    }
    if (stopping_) {
      // Asked again: whoever asks does not want to wait for the drain.
      if (supervisor_ && supervisor_->proxy() != nullptr) {
        supervisor_->end_proxy(supervisor_->proxy()->generation(), "asked to end at once");
      }
      return;
    }
    stopping_ = true;
    loop_.stop();
  }

  [[nodiscard]] std::string rings() const { return config_.run_dir + "/rings"; }
  [[nodiscard]] std::uint32_t heartbeat_slot() const { return generation_ % CALLGATE_HEARTBEAT_SLOTS; }

  const config::Config& config_;
  const std::string program_;
  const std::uint64_t started_ns_ = wall_ns();
  const ServiceManager service_manager_ = ServiceManager::from_environment();
  std::uint32_t generation_ = 0;
  std::uint32_t threads_ = 1;
  std::string cgroup2_mount_;
  bool stopping_ = false;

  // In the order in which they may use each other; destroyed in reverse.
  Loop loop_;
  MainCalls calls_{loop_};
  KnownWorkloads known_;
  std::optional<Instance> instance_;
  std::optional<AgentCgroups> cgroups_;
  std::optional<Helper> helper_;
  std::optional<kernel::Programs> programs_;
  std::optional<workload::Registry> registry_;
  Metrics metrics_;
  CallLog call_log_{config_.log_calls};  // of the recorder's thread
  std::unique_ptr<record::Recorder> recorder_;
  std::optional<Supervisor> supervisor_;
  std::optional<Namespaces> namespaces_;
  std::optional<Identities> identities_;
  std::optional<Policies> policies_;
  std::optional<Enrolments> enrolments_;
  std::optional<Heart> heart_;
  std::optional<ControlBackend> backend_;
  std::unique_ptr<control::Server> server_;
  Loop::Timer tidying_;
  RunningSteps running_;
};

}  // namespace

Result<void> run_node(const config::Config& config, const std::string& program) {
  Node node(config, program);
  return node.run();
}

}  // namespace callgate::node
