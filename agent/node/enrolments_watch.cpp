// What happens to enrolments by themselves: coming back after a restart, ending with their cgroup, new modes
// and gates.
#include <algorithm>
#include <set>
#include <thread>

#include <fmt/format.h>

#include "base/log.hpp"
#include "kernel/gate.hpp"
#include "node/enrolments.hpp"
#include "node/identities.hpp"

namespace callgate::node {
namespace {

using workload::Kind;
using workload::Workload;

constexpr std::chrono::milliseconds sweep_interval{250};
// Sweeps between two attempts to bring a workload back, and between two checks of what is attached.
constexpr std::uint64_t sweeps_per_retry = 4;
constexpr std::uint64_t sweeps_per_check = 40;
constexpr std::chrono::milliseconds last_handshakes{20};

}  // namespace

Result<void> Enrolments::start() {
  const auto cookie = kernel::current_netns_cookie();
  if (!cookie) return cookie.error();
  own_cookie_ = *cookie;
  const auto guarded = guards_.reattach();
  if (!guarded) log_error("guards_not_restored", {{"error", guarded.error().message}});
  std::vector<std::uint64_t> ids;
  for (const auto& [id, registered] : registry_.all())
    ids.push_back(id);
  for (const std::uint64_t id : ids) {
    const Workload workload = *registry_.find(id);
    hooks_.known(workload);
    enrolments_[id] = Enrolment{workload, false, "not back in force yet"};
  }
  identities_.keep_only(registry_.all());
  for (const std::uint64_t id : ids)
    restore(id);
  namespaces_.close_unused();
  detach_other_versions();
  remove_run_cgroups();
  remove_stale_guards();
  for (const std::string& stranger : strangers())
    log_warning("unknown_pins", {{"pins", stranger}});
  sweeper_ = loop_.every(sweep_interval, [this] { sweep(); });
  return {};
}

void Enrolments::stop() {
  sweeper_ = {};
  namespaces_.forget_uses();
}

void Enrolments::detach_other_versions() const {
  std::vector<const Workload*> taken_over;
  for (const auto& [id, enrolment] : enrolments_) {
    if (enrolment.in_force && other_versions_.attached_to(enrolment.workload.cgroup_id))
      taken_over.push_back(&enrolment.workload);
  }
  if (taken_over.empty()) return;
  // Handshakes over loopback end within the connect() that the other version's programs saw.
  std::this_thread::sleep_for(last_handshakes);
  for (const Workload* const workload : taken_over) {
    const auto detached = other_versions_.detach(workload->cgroup_id);
    if (!detached) log_error("other_version_not_detached", {{"error", detached.error().message}});
    if (detached && *detached) log_info("other_version_detached", {{"workload", workload->name}});
  }
}

bool Enrolments::ended(const Workload& workload) const {
  const auto cgroup = workload::open_cgroup(workload.cgroup);
  if (!cgroup) return cgroup.error().code == "not_found";
  if (cgroup->id != workload.cgroup_id) return true;
  if (workload.kind != Kind::run) return false;
  const auto populated = workload::is_populated(workload.cgroup);
  return populated && !*populated;
}

Result<Fd> Enrolments::find_namespace(const Workload& workload) {
  const auto processes = workload::processes_of(workload.cgroup);
  if (!processes) return processes.error();
  std::set<std::uint64_t> seen;
  for (const pid_t pid : *processes) {
    const auto process = workload::Process::open(pid);
    if (!process) continue;
    auto handle = process->network_namespace();
    if (!handle) continue;
    const auto inode = workload::namespace_inode(handle->get());
    if (!inode || !seen.insert(*inode).second) continue;
    const auto facts = namespaces_.facts(handle->get());
    if (facts && facts->cookie == workload.netns_cookie) return handle;
  }
  if (workload.netns_cookie == own_cookie_) return workload::common_network_namespace({});
  return make_error(
      "no_namespace",
      processes->empty()
          ? "no process of it tells its network namespace; its calls are refused until one runs"
          : "its processes are in another network namespace than it was enrolled in; its calls are refused: "
            "unenrol it and enrol it again");
}

void Enrolments::restore(std::uint64_t id) {
  Enrolment enrolment = enrolments_.at(id);
  Workload& workload = enrolment.workload;
  if (ended(workload)) {
    const auto removed = unenrol(id);
    if (!removed)
      log_error("workload_not_removed", {{"id", std::to_string(id)}, {"error", removed.error().message}});
    if (workload.kind == Kind::run) {
      const auto gone = workload::remove_cgroup(workload.cgroup);
      if (!gone)
        log_warning("stale_cgroup_kept", {{"cgroup", workload.cgroup}, {"error", gone.error().message}});
    }
    return;
  }
  workload.mode = hooks_.mode_of(workload);
  auto handle = find_namespace(workload);
  const auto outcome =
      handle ? bring_into_force(enrolment, std::move(*handle)) : Result<void>(handle.error());
  if (outcome) {
    log_info("workload_restored", {{"workload", workload.name},
                                   {"id", std::to_string(id)},
                                   {"mode", std::string(to_string(workload.mode))}});
    return;
  }
  if (enrolment.problem != outcome.error().message) {
    log_warning(
        "workload_not_restored",
        {{"workload", workload.name}, {"id", std::to_string(id)}, {"error", outcome.error().message}});
  }
  enrolment.in_force = false;
  enrolment.problem = outcome.error().message;
  enrolments_[id] = std::move(enrolment);
}

void Enrolments::verify() {
  for (auto& [id, enrolment] : enrolments_) {
    if (!enrolment.in_force) continue;
    const auto tested = kernel_.self_test(enrolment.workload.cgroup_id);
    if (tested) continue;
    log_error("programs_changed", {{"workload", enrolment.workload.name}, {"error", tested.error().message}});
    const auto attached = attach(enrolment.workload);
    enrolment.problem = attached ? "" : attached.error().message;
    if (!attached) log_error("programs_not_restored", {{"error", attached.error().message}});
  }
  const auto devices = guards_.list();
  if (!devices) return;
  for (const auto& [cookie, indexes] : guarded_devices_) {
    for (const auto& device : *devices) {
      if (device.attached || std::find(indexes.begin(), indexes.end(), device.index) == indexes.end())
        continue;
      const auto attached = guards_.attach(device.index, device.config);
      log_error("guard_changed", {{"device", std::to_string(device.index)},
                                  {"outcome", attached ? "attached again" : attached.error().message}});
    }
  }
}

void Enrolments::sweep() {
  ++sweeps_;
  const bool retry = sweeps_ % sweeps_per_retry == 0;
  std::vector<std::uint64_t> due;
  for (const auto& [id, enrolment] : enrolments_) {
    const bool look = enrolment.workload.kind == Kind::run || retry;
    if ((look && ended(enrolment.workload)) || (retry && !enrolment.in_force)) due.push_back(id);
  }
  for (const std::uint64_t id : due)
    restore(id);
  namespaces_.check_gates(!retry);
  if (retry) {
    remove_run_cgroups();
  }
  if (sweeps_ % sweeps_per_check == 0) verify();
}

void Enrolments::remove_stale_guards() {
  // One that still waits to come back may be behind any of them.
  const bool waiting = std::any_of(enrolments_.begin(), enrolments_.end(),
                                   [](const auto& entry) { return !entry.second.in_force; });
  const auto devices = guards_.list();
  if (waiting || !devices) return;
  for (const auto& device : *devices) {
    const bool used = std::any_of(guarded_devices_.begin(), guarded_devices_.end(), [&](const auto& entry) {
      return std::find(entry.second.begin(), entry.second.end(), device.index) != entry.second.end();
    });
    if (used) continue;
    const auto detached = guards_.detach(device.index);
    if (!detached) {
      log_error("guard_not_removed",
                {{"device", std::to_string(device.index)}, {"error", detached.error().message}});
      continue;
    }
    log_info("guard_removed", {{"device", std::to_string(device.index)},
                               {"workload", std::to_string(device.config.workload)}});
  }
}

void Enrolments::remove_run_cgroups() const {
  for (const std::string& name : workload::children_of(settings_.run_root)) {
    const std::string path = settings_.run_root + "/" + name;
    const bool registered = std::any_of(registry_.all().begin(), registry_.all().end(),
                                        [&](const auto& entry) { return entry.second.cgroup == path; });
    if (registered) continue;
    const auto populated = workload::is_populated(path);
    if (!populated || *populated) continue;
    const auto removed = workload::remove_cgroup(path);
    if (removed) log_debug("run_cgroup_removed", {{"cgroup", path}});
  }
}

void Enrolments::update_modes() {
  for (auto& [id, enrolment] : enrolments_) {
    const auto mode = hooks_.mode_of(enrolment.workload);
    if (mode == enrolment.workload.mode || !enrolment.in_force) continue;
    Workload changed = enrolment.workload;
    changed.mode = mode;
    const auto updated = kernel_.update(changed.cgroup_id, config_of(changed));
    if (!updated) {
      enrolment.problem = updated.error().message;
      log_error("mode_not_changed", {{"workload", changed.name}, {"error", updated.error().message}});
      continue;
    }
    enrolment.workload = changed;
    enrolment.problem.clear();
    log_info("mode_changed", {{"workload", changed.name}, {"mode", std::string(to_string(mode))}});
    const auto guarded = update_guard(changed.netns_cookie);
    if (!guarded) enrolment.problem = guarded.error().message;
    const auto kept = registry_.put(changed);
    if (!kept) log_error("registry_not_written", {{"error", kept.error().message}});
  }
}

void Enrolments::update_gates(std::uint64_t cookie) {
  for (auto& [id, enrolment] : enrolments_) {
    if (enrolment.workload.netns_cookie != cookie || !enrolment.in_force) continue;
    const auto updated = kernel_.update(enrolment.workload.cgroup_id, config_of(enrolment.workload));
    enrolment.problem = updated ? "" : updated.error().message;
    if (!updated)
      log_error("gates_not_changed",
                {{"workload", enrolment.workload.name}, {"error", updated.error().message}});
  }
}

std::vector<std::string> Enrolments::strangers() const {
  std::vector<std::string> found;
  const auto listed = kernel_.list();
  if (!listed) return found;
  for (const auto& enrolled : *listed) {
    const Workload* const known = registry_.find_cgroup(enrolled.cgroup_id);
    if (known != nullptr && known->id == enrolled.workload) continue;
    found.push_back(fmt::format("workload {} on cgroup {} ({})", enrolled.workload, enrolled.cgroup_id,
                                enrolled.cgroup_path.value_or("removed")));
  }
  return found;
}

}  // namespace callgate::node
