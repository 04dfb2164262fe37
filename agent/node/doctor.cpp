// What `callgate doctor` is told: each finding with its cure.
#include <algorithm>

#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include "kernel/features.hpp"
#include "kernel/programs.hpp"
#include "node/control_backend.hpp"
#include "node/enrolments.hpp"
#include "node/helper.hpp"
#include "node/identities.hpp"
#include "node/policies.hpp"
#include "node/supervisor.hpp"
#include "record/recorder.hpp"

namespace callgate::node {
namespace {

void add(v1::DoctorReply& reply, std::string name, v1::FindingState state, std::string detail,
         std::string cure = {}) {
  auto& finding = *reply.add_findings();
  finding.set_name(std::move(name));
  finding.set_state(state);
  finding.set_detail(std::move(detail));
  if (state != v1::FINDING_STATE_OK) finding.set_cure(std::move(cure));
}

void add_proxy(const AgentParts& parts, v1::DoctorReply& reply) {
  const ProxyProcess* const proxy = parts.supervisor.proxy();
  if (proxy == nullptr || !proxy->ready()) {
    add(reply, "proxy", v1::FINDING_STATE_FAILED, "callgate-proxy does not serve; connections wait",
        "see the log of callgated for why it ends (proxy_ended)");
  } else if (parts.supervisor.restarts() != 0) {
    add(reply, "proxy", v1::FINDING_STATE_WARNING,
        fmt::format("callgate-proxy serves, but was replaced {} times", parts.supervisor.restarts()),
        "see the log of callgated for why it ended (proxy_ended)");
  } else {
    add(reply, "proxy", v1::FINDING_STATE_OK, fmt::format("process {} serves", proxy->pid()));
  }
}

void add_pins(const AgentParts& parts, v1::DoctorReply& reply) {
  const auto strangers = parts.enrolments.strangers();
  if (strangers.empty()) {
    add(reply, "pins", v1::FINDING_STATE_OK, fmt::format("in {}", parts.programs.pin_root()));
  }
  for (const std::string& stranger : strangers) {
    add(reply, "pins", v1::FINDING_STATE_WARNING,
        fmt::format("{} is pinned, but not in the registry", stranger),
        fmt::format("its calls are refused. If nobody needs it: rm -r {}/workloads/<cgroup>-<workload>, and "
                    "enrol it again "
                    "if it is still meant to be a workload",
                    parts.programs.pin_root()));
  }
}

void add_gates(const AgentParts& parts, v1::DoctorReply& reply) {
  std::size_t gates = 0;
  bool sound = true;
  for (const auto& [cookie, place] : parts.namespaces.all()) {
    gates += place.gates.size();
    if (place.problem.empty()) continue;
    sound = false;
    add(reply, "gates", v1::FINDING_STATE_FAILED,
        fmt::format("network namespace {}: {}", cookie, place.problem),
        "free ports of gates.first_port to gates.last_port inside of it, or configure another range");
  }
  if (sound) add(reply, "gates", v1::FINDING_STATE_OK, fmt::format("{} listen", gates));
}

void add_workloads(const AgentParts& parts, v1::DoctorReply& reply) {
  bool sound = true;
  for (const auto& [id, enrolment] : parts.enrolments.all()) {
    if (enrolment.problem.empty()) continue;
    sound = false;
    add(reply, "workload", v1::FINDING_STATE_FAILED,
        fmt::format("{} ({}): {}", enrolment.workload.name, id, enrolment.problem),
        fmt::format("callgate unenroll {}, then enrol it again", enrolment.workload.name));
  }
  if (sound)
    add(reply, "workload", v1::FINDING_STATE_OK, fmt::format("{} enrolled", parts.enrolments.all().size()));
}

void add_agent_findings(const AgentParts& parts, v1::DoctorReply& reply) {
  add_proxy(parts, reply);
  if (parts.helper.pid() != 0) {
    add(reply, "socket-helper", v1::FINDING_STATE_OK, fmt::format("process {}", parts.helper.pid()));
  } else {
    add(reply, "socket-helper", v1::FINDING_STATE_FAILED, "it does not run",
        "see the log of callgated (helper_not_started)");
  }
  add_pins(parts, reply);
  add_gates(parts, reply);
  add_workloads(parts, reply);
  const PoliciesStatus& policies = parts.policies.status();
  for (const std::string& problem : policies.problems) {
    add(reply, "policies", v1::FINDING_STATE_FAILED, problem,
        fmt::format("correct the file; until then version {} stays in force", policies.version));
  }
  if (policies.problems.empty()) {
    add(reply, "policies", v1::FINDING_STATE_OK,
        fmt::format("{} documents, version {}", policies.documents, policies.version));
  }
  if (parts.identities.roots_problem().empty()) {
    add(reply, "system-roots", v1::FINDING_STATE_OK, parts.config.tls.system_roots);
  } else {
    add(reply, "system-roots", v1::FINDING_STATE_WARNING, parts.identities.roots_problem(),
        "install ca-certificates, or set tls.system_roots; until then targets outside the trust domain are "
        "refused");
  }
  const record::RecorderStatus recorder = parts.recorder.status();
  if (recorder.failure) {
    add(reply, "store", v1::FINDING_STATE_FAILED, recorder.failure->message,
        "calls that must be recorded are refused until it can be written: make room, or see to the disk");
  } else {
    add(reply, "store", v1::FINDING_STATE_OK,
        fmt::format("{} records in {}", recorder.records, parts.config.state_dir));
  }
  struct statfs run {};
  if (::statfs(parts.config.run_dir.c_str(), &run) == 0 &&
      static_cast<unsigned long>(run.f_type) == TMPFS_MAGIC) {
    add(reply, "run-dir", v1::FINDING_STATE_OK, fmt::format("{} is on tmpfs", parts.config.run_dir));
  } else {
    add(reply, "run-dir", v1::FINDING_STATE_WARNING, fmt::format("{} is not on tmpfs", parts.config.run_dir),
        "rings are written for each call: mount a tmpfs there, or set run_dir to a directory on one");
  }
}

void add_kernel_findings(const AgentParts& parts, v1::DoctorReply& reply) {
  for (const kernel::Feature& feature : kernel::probe_features(parts.config.pin_dir)) {
    const auto state = feature.present    ? v1::FINDING_STATE_OK
                       : feature.required ? v1::FINDING_STATE_FAILED
                                          : v1::FINDING_STATE_WARNING;
    add(reply, feature.name, state, feature.why, feature.cure);
  }
}

}  // namespace

Result<v1::DoctorReply> ControlBackend::doctor(const control::Peer&) {
  auto reply = main_.run<v1::DoctorReply>([this]() -> Result<v1::DoctorReply> {
    v1::DoctorReply made;
    add_agent_findings(parts_, made);
    return made;
  });
  if (reply) add_kernel_findings(parts_, *reply);
  return reply;
}

}  // namespace callgate::node
