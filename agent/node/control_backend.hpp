// What callgated answers to the control API.
//
// Called on the server's threads. Whatever touches the agent's state is done on the loop's thread
// (MainCalls); the store of records is asked directly.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "config/config.hpp"
#include "control/server.hpp"
#include "node/evidence_reader.hpp"
#include "node/main_calls.hpp"
#include "record/retention.hpp"

namespace callgate::kernel {
class Programs;
}
namespace callgate::record {
class Recorder;
}

namespace callgate::node {

class Enrolments;
class Helper;
class Identities;
class KnownWorkloads;
class Metrics;
class Namespaces;
class Policies;
class Replacement;
class Supervisor;
struct Enrolment;

// The parts that answers are made of; all outlive the backend.
struct AgentParts {
  const config::Config& config;
  const kernel::Programs& programs;
  Enrolments& enrolments;
  Namespaces& namespaces;
  Identities& identities;
  Policies& policies;
  Supervisor& supervisor;
  Helper& helper;
  record::Recorder& recorder;
  record::Retention& retention;
  KnownWorkloads& known;
  const Metrics& metrics;
  Replacement& replacement;
  std::uint32_t generation = 0;
  std::uint64_t started_ns = 0;  // CLOCK_REALTIME
};

class ControlBackend final : public control::Backend {
 public:
  ControlBackend(MainCalls& main, AgentParts parts) : main_(main), parts_(parts) {}

  Result<v1::StatusReply> status(const control::Peer& peer) override;
  Result<v1::MetricsReply> metrics(const control::Peer& peer) override;
  Result<v1::UpgradeReply> start_upgrade(const control::Peer& peer,
                                         const v1::UpgradeRequest& request) override;
  Result<v1::ListWorkloadsReply> list_workloads(const control::Peer& peer) override;
  Result<v1::EnrollReply> enroll(const control::Peer& peer, const v1::EnrollRequest& request) override;
  Result<v1::UnenrollReply> unenroll(const control::Peer& peer, const v1::UnenrollRequest& request) override;
  Result<v1::StartRunReply> start_run(const control::Peer& peer, const v1::StartRunRequest& request) override;
  Result<v1::DoctorReply> doctor(const control::Peer& peer) override;
  Result<v1::ListSessionsReply> list_sessions(const control::Peer& peer,
                                              const v1::ListSessionsRequest& request) override;
  Result<void> show_session(const control::Peer& peer, const v1::ShowSessionRequest& request,
                            control::Stream<v1::ShowSessionPart>& stream) override;
  Result<void> tail_sessions(const control::Peer& peer, const v1::TailSessionsRequest& request,
                             control::Stream<v1::TailItem>& stream) override;
  Result<void> search_sessions(const control::Peer& peer, const v1::SearchSessionsRequest& request,
                               control::Stream<v1::SearchPart>& stream) override;
  Result<v1::IdentityShowReply> identity_show(const control::Peer& peer,
                                              const v1::IdentityShowRequest& request) override;
  Result<v1::IdentityBundleReply> identity_bundle(const control::Peer& peer,
                                                  const v1::IdentityBundleRequest& request) override;
  Result<v1::ProveSessionReply> prove_session(const control::Peer& peer,
                                              const v1::ProveSessionRequest& request) override;
  Result<v1::ListHoldsReply> list_holds(const control::Peer& peer) override;
  Result<v1::ChangeHoldReply> change_hold(const control::Peer& peer,
                                          const v1::ChangeHoldRequest& request) override;
  Result<v1::EraseSessionReply> erase_session(const control::Peer& peer,
                                              const v1::EraseSessionRequest& request) override;
  Result<v1::ReindexReply> reindex(const control::Peer& peer, const v1::ReindexRequest& request) override;

 private:
  // On the loop's thread.
  [[nodiscard]] v1::WorkloadInfo info_of(const Enrolment& enrolment) const;
  void add_verdicts(const Enrolment& enrolment,
                    google::protobuf::RepeatedPtrField<v1::TrafficVerdict>& verdicts) const;
  struct AgentStatus {
    v1::StatusReply reply;
    std::uint32_t proxy_generation = 0;
  };
  [[nodiscard]] AgentStatus make_status() const;
  void add_kernel_counters(v1::StatusReply& reply) const;
  void add_certificates(v1::StatusReply& reply) const;
  // Any thread.
  [[nodiscard]] bool may_see(const control::Peer& peer, std::uint64_t workload) const;
  [[nodiscard]] bool may_read_payload(const control::Peer& peer, std::uint64_t workload) const;
  // What `peer` may read; valid as long as `peer`.
  [[nodiscard]] EvidenceReader reader(const control::Peer& peer);
  // Makes a record of what `peer` did, and returns when the journal has it.
  [[nodiscard]] Result<void> record_event(const control::Peer& peer, v1::Event event);

  MainCalls& main_;
  AgentParts parts_;
  std::atomic<unsigned> searches_ = 0;  // that are going on
};

}  // namespace callgate::node
