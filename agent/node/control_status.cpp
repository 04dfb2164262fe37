// The part of the control API that tells how the agent is, and which identities it gives out.
#include <map>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "kernel/abi_version.hpp"
#include "kernel/programs.hpp"
#include "node/certificate_facts.hpp"
#include "node/control_backend.hpp"
#include "node/enrolments.hpp"
#include "node/identities.hpp"
#include "node/metrics.hpp"
#include "node/policies.hpp"
#include "node/replacement.hpp"
#include "node/supervisor.hpp"
#include "record/recorder.hpp"
#include "record/ring.hpp"

namespace callgate::node {
namespace {

// Bytes that a ring's writer has written and the recorder has not freed.
std::uint64_t ring_used(const std::string& directory, record::RingOwner owner) {
  Fd file(::open((directory + "/" + record::ring_name(owner)).c_str(), O_RDWR | O_CLOEXEC));
  if (!file) return 0;
  const auto reader = record::RingReader::open(std::move(file));
  return reader ? reader->lag() : 0;
}

}  // namespace

Result<v1::StatusReply> ControlBackend::status(const control::Peer&) {
  auto agent = main_.run<AgentStatus>([this]() -> Result<AgentStatus> { return make_status(); });
  if (!agent) return agent.error();
  v1::StatusReply& reply = agent->reply;
  const record::RecorderStatus recorder = parts_.recorder.status();
  auto& store = *reply.mutable_store();
  store.set_directory(parts_.config.state_dir);
  store.set_records(recorder.records);
  store.set_journal_bytes(recorder.journal_bytes);
  store.set_synced_at(recorder.synced_at_ns);
  if (recorder.failure) store.set_problem(recorder.failure->message);
  for (auto& thread : *reply.mutable_threads()) {
    thread.set_ring_size(parts_.config.rings.size);
    thread.set_ring_used(
        ring_used(parts_.config.run_dir + "/rings", {agent->proxy_generation, thread.thread()}));
  }
  return std::move(reply);
}

Result<v1::MetricsReply> ControlBackend::metrics(const control::Peer& peer) {
  const auto now = status(peer);
  if (!now) return now.error();
  v1::MetricsReply reply;
  reply.set_text(parts_.metrics.text(*now));
  return reply;
}

Result<v1::UpgradeReply> ControlBackend::start_upgrade(const control::Peer&,
                                                       const v1::UpgradeRequest& request) {
  return main_.run<v1::UpgradeReply>([this, &request]() -> Result<v1::UpgradeReply> {
    CALLGATE_TRY(parts_.replacement.begin(request.dry_run()));
    v1::UpgradeReply reply;
    *reply.mutable_upgrade() = parts_.replacement.status();
    return reply;
  });
}

ControlBackend::AgentStatus ControlBackend::make_status() const {
  AgentStatus status;
  v1::StatusReply& reply = status.reply;
  reply.set_version(CALLGATE_VERSION);
  reply.set_pid(static_cast<std::uint32_t>(::getpid()));
  reply.set_started_at(parts_.started_ns);
  reply.set_generation(parts_.generation);
  reply.set_abi(kernel::abi_version());
  reply.set_drain_timeout_ms(static_cast<std::uint64_t>(parts_.config.timeouts.drain.count()));
  if (parts_.replacement.status().state() != v1::UPGRADE_STATE_UNSPECIFIED)
    *reply.mutable_upgrade() = parts_.replacement.status();
  reply.set_trust_domain(parts_.config.identity.trust_domain);
  reply.set_default_mode(parts_.config.default_mode == config::Mode::enforce ? v1::MODE_ENFORCE
                                                                             : v1::MODE_OBSERVE);
  reply.set_workloads(static_cast<std::uint32_t>(parts_.enrolments.all().size()));
  if (const ProxyProcess* const proxy = parts_.supervisor.proxy()) {
    reply.set_proxy_pid(static_cast<std::uint32_t>(proxy->pid()));
    status.proxy_generation = proxy->generation();
    std::uint32_t number = 0;
    for (const ThreadState& state : proxy->threads()) {
      auto& thread = *reply.add_threads();
      thread.set_thread(number++);
      thread.set_state(state.drained ? "draining" : state.ready ? "serving" : "starting");
      thread.set_flows(state.counters.flows);
      thread.set_flows_without_origin(state.counters.flows_without_origin);
      thread.set_calls_allowed(state.counters.calls_allowed);
      thread.set_calls_denied(state.counters.calls_denied);
      thread.set_calls_refused(state.counters.calls_refused);
      thread.set_calls_failed(state.counters.calls_failed);
      thread.set_calls_unrecorded(state.counters.calls_unrecorded);
      thread.set_open_connections(state.counters.open_connections);
      thread.set_pooled_connections(state.counters.pooled_connections);
      thread.set_policy_version(state.policy_version);
    }
  }
  reply.set_proxy_restarts(static_cast<std::uint32_t>(parts_.supervisor.restarts()));
  const PoliciesStatus& policies = parts_.policies.status();
  auto& in_force = *reply.mutable_policies();
  in_force.set_directory(parts_.config.policies_dir);
  in_force.set_version(policies.number);
  in_force.set_documents(static_cast<std::uint32_t>(policies.documents));
  in_force.set_loaded_at(policies.loaded_ns);
  in_force.set_digest(policies.version);
  in_force.set_last_good(policies.from_state || !policies.problems.empty());
  for (const std::string& problem : policies.problems)
    in_force.add_problems(problem);
  add_kernel_counters(reply);
  add_certificates(reply);
  return status;
}

void ControlBackend::add_certificates(v1::StatusReply& reply) const {
  for (const auto& [id, enrolment] : parts_.enrolments.all()) {
    const identity::Svid* const svid = parts_.identities.find(id);
    if (svid == nullptr) continue;
    const std::uint64_t end = svid->not_after * 1'000'000'000U;
    if (reply.svid_not_after() == 0 || end < reply.svid_not_after()) reply.set_svid_not_after(end);
  }
  const auto root = describe_certificate(parts_.identities.authority().bundle_pem());
  if (root) reply.set_authority_not_after(root->not_after_ns);
}

void ControlBackend::add_kernel_counters(v1::StatusReply& reply) const {
  std::map<std::string, std::uint64_t> sums;
  const auto add = [&](const char* prefix, const Result<kernel::Counters>& counters) {
    if (!counters) return;
    for (const auto& [name, value] : *counters)
      sums[prefix + name] += value;
  };
  add("gate.", parts_.programs.gate_counters());
  for (const auto& [id, enrolment] : parts_.enrolments.all()) {
    add("workload.", parts_.enrolments.kernel_side().counters(enrolment.workload.cgroup_id));
  }
  for (const auto& [cookie, devices] : parts_.enrolments.guarded_devices()) {
    for (const std::uint32_t device : devices)
      add("device.", parts_.enrolments.guards().counters(device));
  }
  for (const auto& [name, value] : sums) {
    auto& counter = *reply.add_kernel_counters();
    counter.set_name(name);
    counter.set_value(value);
  }
}

Result<v1::IdentityShowReply> ControlBackend::identity_show(const control::Peer& peer,
                                                            const v1::IdentityShowRequest& request) {
  return main_.run<v1::IdentityShowReply>([&]() -> Result<v1::IdentityShowReply> {
    v1::IdentityShowReply made;
    const auto authority = describe_certificate(parts_.identities.authority().bundle_pem());
    if (!authority) return authority.error();
    auto& root = *made.add_authorities();
    root.set_trust_domain(parts_.identities.authority().trust_domain());
    root.set_subject(authority->subject);
    root.set_sha256(authority->sha256);
    root.set_not_before(authority->not_before_ns);
    root.set_not_after(authority->not_after_ns);
    for (const auto& [id, enrolment] : parts_.enrolments.all()) {
      const workload::Workload& workload = enrolment.workload;
      if (!peer.sees(workload.owner)) continue;
      if (!request.workload().empty() && request.workload() != workload.name) continue;
      const identity::Svid* const svid = parts_.identities.find(id);
      if (svid == nullptr) continue;
      const auto certificate = describe_certificate(svid->chain_pem);
      if (!certificate) return certificate.error();
      auto& shown = *made.add_svids();
      shown.set_workload(workload.name);
      shown.set_workload_id(id);
      shown.set_spiffe_id(svid->id);
      shown.set_serial(certificate->serial);
      shown.set_not_before(certificate->not_before_ns);
      shown.set_not_after(certificate->not_after_ns);
      shown.set_certificate_chain_pem(svid->chain_pem);
    }
    if (made.svids().empty() && !request.workload().empty()) {
      return make_error("not_found", fmt::format("no workload {} has an identity: see `callgate workloads`",
                                                 request.workload()));
    }
    return made;
  });
}

Result<v1::IdentityBundleReply> ControlBackend::identity_bundle(const control::Peer&,
                                                                const v1::IdentityBundleRequest& request) {
  return main_.run<v1::IdentityBundleReply>([&]() -> Result<v1::IdentityBundleReply> {
    v1::IdentityBundleReply made;
    made.set_bundle(request.format() == v1::IdentityBundleRequest::FORMAT_JWKS
                        ? parts_.identities.authority().bundle_jwks()
                        : parts_.identities.authority().bundle_pem());
    return made;
  });
}

}  // namespace callgate::node
