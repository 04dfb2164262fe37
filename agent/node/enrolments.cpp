#include "node/enrolments.hpp"

#include <filesystem>

#include <fmt/format.h>
#include <poll.h>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "kernel/device.hpp"
#include "node/identities.hpp"

namespace callgate::node {
namespace {

using workload::Kind;
using workload::Mode;
using workload::Workload;

bool process_lives(int pidfd) {
  pollfd entry{pidfd, POLLIN, 0};
  return pidfd >= 0 && ::poll(&entry, 1, 0) == 0;
}

}  // namespace

Enrolments::Enrolments(Loop& loop, workload::Registry& registry, Namespaces& namespaces,
                       Identities& identities, const kernel::Programs& programs, EnrolmentSettings settings,
                       Hooks hooks)
    : loop_(loop),
      registry_(registry),
      namespaces_(namespaces),
      identities_(identities),
      kernel_(programs),
      guards_(programs),
      other_versions_(programs),
      settings_(std::move(settings)),
      hooks_(std::move(hooks)) {}

workload::Surroundings Enrolments::surroundings() const {
  return {settings_.cgroup2_mount, settings_.agent_root, &registry_.all()};
}

Result<Workload> Enrolments::describe(std::uint64_t id, const workload::Cgroup& cgroup, Kind kind,
                                      const Request& request) const {
  Workload described;
  described.id = id;
  described.name = request.name.empty()
                       ? workload::make_workload_name(std::filesystem::path(cgroup.path).filename().string())
                       : request.name;
  if (!workload::is_workload_name(described.name)) {
    return make_error(
        "bad_name",
        fmt::format("\"{}\" is no name of a workload: use 1 to 63 of a-z, 0-9 and \"-\"", described.name));
  }
  if (request.spiffe_id.empty()) {
    auto made = identities_.default_id(kind, request.owner, described.name);
    if (!made) return made.error();
    described.spiffe_id = std::move(*made);
  } else {
    CALLGATE_TRY(identities_.check(request.spiffe_id));
    described.spiffe_id = request.spiffe_id;
  }
  described.owner = request.owner;
  described.cgroup = cgroup.path;
  described.cgroup_id = cgroup.id;
  described.kind = kind;
  described.open_on_agent_loss = settings_.open_on_agent_loss;
  described.enrolled_ns = wall_ns();
  described.mode = hooks_.mode_of(described);
  return described;
}

Result<NewEnrolment> Enrolments::enrol_cgroup(const std::string& path, const Request& request) {
  auto candidate = workload::candidate_by_cgroup(path, request.asker, surroundings());
  if (!candidate) return candidate.error();
  return enrol(std::move(*candidate), request);
}

Result<NewEnrolment> Enrolments::enrol_process(pid_t pid, const Request& request) {
  auto candidate = workload::candidate_by_process(pid, surroundings());
  if (!candidate) return candidate.error();
  return enrol(std::move(*candidate), request);
}

Result<NewEnrolment> Enrolments::enrol(workload::Candidate candidate, const Request& request) {
  const auto id = registry_.draw_id();
  if (!id) return id.error();
  auto described = describe(*id, candidate.cgroup, Kind::enrolled, request);
  if (!described) return described.error();
  Enrolment enrolment{std::move(*described), false, {}};
  CALLGATE_TRY(bring_into_force(enrolment, std::move(candidate.network_namespace)));
  const auto existing = settle_existing(enrolment.workload, request.reset_existing);
  if (!existing) {
    const auto undone = unenrol(*id);
    if (!undone)
      log_error("enrolment_not_undone", {{"id", std::to_string(*id)}, {"error", undone.error().message}});
    return existing.error();
  }
  log_info("workload_enrolled",
           {{"workload", enrolment.workload.name},
            {"id", std::to_string(*id)},
            {"cgroup", enrolment.workload.cgroup},
            {"spiffe_id", enrolment.workload.spiffe_id},
            {"mode", std::string(to_string(enrolment.workload.mode))},
            {"existing", existing->reset ? "reset" : "kept"},
            {"existing_connections", existing->count ? std::to_string(*existing->count) : "unknown"}});
  return NewEnrolment{enrolment, *existing};
}

Result<workload::Process> Enrolments::check_asker(const Request& request, int pidfd) const {
  auto asker = workload::Process::open(request.asker);
  if (!asker) return asker.error();
  const auto below_root = asker->cgroup();
  if (!below_root) return below_root.error();
  const auto owner = asker->owner();
  if (!owner) return owner.error();
  // Everything above was read of the process that the pidfd means only if that still lives.
  if (!process_lives(pidfd)) return make_error("no_such_process", "the asking process has ended");
  if (*owner != request.owner) {
    return make_error("refused", "the asking process changed its user after it connected: ask again");
  }
  const std::string cgroup = settings_.cgroup2_mount + (*below_root == "/" ? "" : *below_root);
  for (const auto& [id, enrolled] : registry_.all()) {
    if (!workload::is_within(cgroup, enrolled.cgroup)) continue;
    // A workload that could move on would choose its own identity and policy.
    return make_error(
        "refused", fmt::format("the asking process belongs to workload {} already: a workload cannot start "
                               "another one",
                               enrolled.name));
  }
  return asker;
}

Result<void> Enrolments::move_asker(const workload::Cgroup& cgroup, pid_t asker, int pidfd) const {
  if (!process_lives(pidfd)) return make_error("no_such_process", "the asking process has ended");
  CALLGATE_TRY(workload::move_process(cgroup.path, asker));
  // It lived before and after, so the number was its own while it was moved.
  if (!process_lives(pidfd)) return make_error("no_such_process", "the asking process has ended");
  return {};
}

Result<Enrolment> Enrolments::start_run(const Request& request, int pidfd) {
  const auto asker = check_asker(request, pidfd);
  if (!asker) return asker.error();
  auto network_namespace = asker->network_namespace();
  if (!network_namespace) return network_namespace.error();
  const auto id = registry_.draw_id();
  if (!id) return id.error();
  const std::string name = request.name.empty() ? "run" : request.name;
  const auto cgroup = workload::make_cgroup(fmt::format("{}/{}-{}", settings_.run_root, name, *id));
  if (!cgroup) return cgroup.error();
  const auto enrol_and_move = [&]() -> Result<Enrolment> {
    auto described = describe(*id, *cgroup, Kind::run, request);
    if (!described) return described.error();
    Enrolment enrolment{std::move(*described), false, {}};
    CALLGATE_TRY(bring_into_force(enrolment, std::move(*network_namespace)));
    const auto moved = move_asker(*cgroup, request.asker, pidfd);
    if (!moved) {
      const auto undone = unenrol(*id);
      if (!undone)
        log_error("enrolment_not_undone", {{"id", std::to_string(*id)}, {"error", undone.error().message}});
      return moved.error();
    }
    return enrolment;
  };
  auto enrolment = enrol_and_move();
  if (!enrolment) {
    const auto removed = workload::remove_cgroup(cgroup->path);
    if (!removed)
      log_warning("stale_cgroup_kept", {{"cgroup", cgroup->path}, {"error", removed.error().message}});
    return enrolment;
  }
  log_info("run_started", {{"workload", enrolment->workload.name},
                           {"id", std::to_string(*id)},
                           {"pid", std::to_string(request.asker)},
                           {"uid", std::to_string(request.owner)},
                           {"spiffe_id", enrolment->workload.spiffe_id},
                           {"mode", std::string(to_string(enrolment->workload.mode))}});
  return enrolment;
}

Result<void> Enrolments::bring_into_force(Enrolment& enrolment, Fd network_namespace) {
  Workload& workload = enrolment.workload;
  const bool known_before = registry_.find(workload.id) != nullptr;
  const auto cookie = namespaces_.acquire(std::move(network_namespace));
  if (!cookie) return cookie.error();
  workload.netns_cookie = *cookie;
  const auto rest = [&]() -> Result<void> {
    CALLGATE_TRY(registry_.put(workload));
    hooks_.known(workload);
    CALLGATE_TRY(identities_.add(workload));
    // The proxy must know the workload before the first connection arrives.
    identities_.flush();
    CALLGATE_TRY(attach(workload));
    enrolment.in_force = true;
    enrolment.problem.clear();
    enrolments_[workload.id] = enrolment;
    return update_guard(*cookie);
  };
  auto done = rest();
  if (done) return {};
  enrolment.in_force = false;
  enrolments_.erase(workload.id);
  identities_.remove(workload.id);
  if (!known_before) {
    const auto detached = kernel_.unenrol(workload.cgroup_id);
    if (!detached && detached.error().code != "not_enrolled") {
      log_error("enrolment_not_undone",
                {{"id", std::to_string(workload.id)}, {"error", detached.error().message}});
    }
    const auto removed = registry_.remove(workload.id);
    if (!removed) log_error("registry_not_written", {{"error", removed.error().message}});
  }
  const auto freed = update_guard(*cookie);
  if (!freed) log_error("guard_not_updated", {{"error", freed.error().message}});
  namespaces_.release(*cookie);
  return done;
}

kernel::WorkloadConfig Enrolments::config_of(const Workload& workload) const {
  kernel::WorkloadConfig config;
  config.workload = workload.id;
  config.netns_cookie = workload.netns_cookie;
  config.gate_generation = settings_.generation;
  config.enforce = workload.mode == Mode::enforce;
  config.refuse_udp_443 = settings_.refuse_udp_443;
  config.refuse_mptcp = settings_.refuse_mptcp;
  config.refuse_sctp = settings_.refuse_sctp;
  config.refuse_raw = settings_.refuse_raw;
  // Observing must not be in the way of anything.
  config.open_on_loss = workload.open_on_agent_loss || workload.mode == Mode::observe;
  config.pending_limit = settings_.pending_flows;
  config.heartbeat_slot = settings_.heartbeat_slot;
  if (const Namespace* const place = namespaces_.find(workload.netns_cookie)) {
    config.gate_ports_v4 = place->ports(false);
    config.gate_ports_v6 = place->ports(true);
    config.source_v4 = place->facts.source_v4;
    config.source_v6 = place->facts.source_v6;
  }
  return config;
}

Result<void> Enrolments::attach(const Workload& workload) const {
  CALLGATE_TRY(attach_ours(workload));
  // Only once ours are there.
  const auto stopped = other_versions_.stop_redirecting(workload.cgroup_id);
  return stopped ? Result<void>() : Result<void>(stopped.error());
}

Result<void> Enrolments::attach_ours(const Workload& workload) const {
  const auto config = config_of(workload);
  // Links of an earlier agent are given these programs first, so that there is no moment without one.
  auto reopened = kernel_.reopen(workload.cgroup_id);
  if (reopened) return kernel_.update(workload.cgroup_id, config);
  const std::string& code = reopened.error().code;
  if (code != "not_enrolled" && code != "maps_replaced" && code != "self_test_failed") return reopened;
  const auto enrolled = kernel_.enrol(workload.cgroup, config);
  if (!enrolled) return enrolled.error();
  if (*enrolled != workload.cgroup_id) {
    auto detached = kernel_.unenrol(*enrolled);
    if (!detached) return detached;
    return make_error("refused",
                      fmt::format("{} was replaced by another cgroup meanwhile: ask again", workload.cgroup));
  }
  return {};
}

Result<void> Enrolments::update_guard(std::uint64_t cookie) {
  if (!settings_.guard_devices || cookie == own_cookie_) return {};
  kernel::DeviceGuardConfig config;
  config.workload = 0;
  config.enforce = false;
  config.open_on_loss = true;
  config.refuse_udp_443 = settings_.refuse_udp_443;
  config.refuse_sctp = settings_.refuse_sctp;
  config.heartbeat_slot = settings_.heartbeat_slot;
  // The strictest of the workloads that share the namespace.
  for (const auto& [id, enrolment] : enrolments_) {
    if (enrolment.workload.netns_cookie != cookie || !enrolment.in_force) continue;
    config.workload = id;
    config.enforce = config.enforce || enrolment.workload.mode == Mode::enforce;
    config.open_on_loss = config.open_on_loss &&
                          (enrolment.workload.open_on_agent_loss || enrolment.workload.mode == Mode::observe);
  }
  const auto guarded = guarded_devices_.find(cookie);
  if (config.workload == 0) {
    if (guarded == guarded_devices_.end()) return {};
    for (const std::uint32_t device : guarded->second)
      CALLGATE_TRY(guards_.detach(device));
    guarded_devices_.erase(guarded);
    return {};
  }
  const Namespace* const place = namespaces_.find(cookie);
  if (place == nullptr) return {};
  const auto devices = kernel::find_host_devices(place->handle.get());
  if (!devices) return devices.error();
  std::vector<std::uint32_t> indexes;
  for (const auto& device : *devices) {
    CALLGATE_TRY(guards_.attach(device.index, config));
    indexes.push_back(device.index);
  }
  if (!indexes.empty()) guarded_devices_[cookie] = std::move(indexes);
  return {};
}

Result<void> Enrolments::unenrol(std::uint64_t id) {
  const Workload* const registered = registry_.find(id);
  if (registered == nullptr) {
    return make_error("not_found", fmt::format("no workload has the id {}: see `callgate workloads`", id));
  }
  const Workload workload = *registered;
  auto detached = kernel_.unenrol(workload.cgroup_id);
  if (!detached && detached.error().code != "not_enrolled") return detached;
  const auto found = enrolments_.find(id);
  const bool in_force = found != enrolments_.end() && found->second.in_force;
  if (found != enrolments_.end()) enrolments_.erase(found);
  const auto freed = update_guard(workload.netns_cookie);
  if (!freed) log_error("guard_not_updated", {{"error", freed.error().message}});
  identities_.remove(id);
  if (in_force) namespaces_.release(workload.netns_cookie);
  log_info("workload_unenrolled", {{"workload", workload.name}, {"id", std::to_string(id)}});
  return registry_.remove(id);
}

}  // namespace callgate::node
