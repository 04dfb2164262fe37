#include "node/control_backend.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "kernel/programs.hpp"
#include "node/enrolments.hpp"
#include "node/namespaces.hpp"
#include "workload/neighbours.hpp"

namespace callgate::node {
namespace {

using workload::Kind;
using workload::Mode;

constexpr std::size_t most_pids = 64;

v1::Mode to_proto(Mode mode) {
  return mode == Mode::enforce ? v1::MODE_ENFORCE : v1::MODE_OBSERVE;
}

void add_verdict(google::protobuf::RepeatedPtrField<v1::TrafficVerdict>& verdicts, const char* traffic,
                 const char* verdict, const char* detail = "") {
  auto& entry = *verdicts.Add();
  entry.set_traffic(traffic);
  entry.set_verdict(verdict);
  entry.set_detail(detail);
}

void add_existing(const ExistingConnections& existing, v1::EnrollReply& reply) {
  reply.set_existing(existing.reset ? v1::EXISTING_CONNECTIONS_RESET : v1::EXISTING_CONNECTIONS_KEEP);
  if (existing.count) reply.set_existing_connections(*existing.count);
  const std::string number = existing.count ? std::to_string(*existing.count) : "an unknown number";
  add_verdict(*reply.mutable_verdicts(), "existing", existing.reset ? "reset" : "kept",
              fmt::format("connections that it had already: {}", number).c_str());
}

// What the guard on the host's end of a device sees of others in the same namespace, it takes for the
// workload's.
void add_neighbours(const workload::Neighbours& neighbours, bool enforce, v1::EnrollReply& reply) {
  if (neighbours.count == 0) return;
  const bool one = neighbours.count == 1;
  add_verdict(
      *reply.mutable_verdicts(), "neighbours", enforce ? "refused" : "counted",
      fmt::format(
          "{} other process{} in the same network namespace ({}{}) that {} not enrolled: the guard on its "
          "device takes {} connections for the workload's; enrol {} too, or set `workload.device_guard: off`",
          neighbours.count, one ? "" : "es", fmt::join(neighbours.names, ", "),
          neighbours.count > neighbours.names.size() ? ", ..." : "", one ? "is" : "are",
          one ? "its" : "their", one ? "it" : "them")
          .c_str());
}

// Reads what changes by itself; done on the asking thread.
void add_pids(v1::WorkloadInfo& info) {
  const auto pids = workload::processes_of(info.cgroup());
  if (!pids) return;
  for (std::size_t i = 0; i < std::min(pids->size(), most_pids); ++i) {
    info.add_pids(static_cast<std::uint32_t>((*pids)[i]));
  }
}

}  // namespace

v1::WorkloadInfo ControlBackend::info_of(const Enrolment& enrolment) const {
  const workload::Workload& workload = enrolment.workload;
  v1::WorkloadInfo info;
  info.set_id(workload.id);
  info.set_name(workload.name);
  info.set_cgroup(workload.cgroup);
  info.set_spiffe_id(workload.spiffe_id);
  info.set_source(workload.kind == Kind::run ? "run" : "enroll");
  info.set_mode(to_proto(workload.mode));
  info.set_open_on_agent_loss(workload.open_on_agent_loss || workload.mode == Mode::observe);
  info.set_device_guard(parts_.enrolments.guarded(workload.netns_cookie));
  info.set_owner_uid(workload.owner);
  info.set_netns_cookie(workload.netns_cookie);
  info.set_enrolled_at(workload.enrolled_ns);
  info.set_problem(enrolment.problem);
  if (const Namespace* const place = parts_.namespaces.find(workload.netns_cookie)) {
    for (const OpenGate& gate : place->gates)
      info.add_gate_ports(gate.port);
    if (info.problem().empty()) info.set_problem(place->problem);
  }
  return info;
}

void ControlBackend::add_verdicts(const Enrolment& enrolment,
                                  google::protobuf::RepeatedPtrField<v1::TrafficVerdict>& verdicts) const {
  const workload::Workload& workload = enrolment.workload;
  const auto& options = parts_.config.workload;
  const bool enforce = workload.mode == Mode::enforce;
  const auto refused = [&](bool configured) {
    return !configured ? "passes" : enforce ? "refused" : "counted";
  };
  add_verdict(verdicts, "tcp", "redirected", "new connections pass the agent");
  add_verdict(verdicts, "udp443", refused(options.refuse_udp443), "QUIC: clients fall back to TCP");
  add_verdict(verdicts, "mptcp", refused(options.refuse_mptcp));
  add_verdict(verdicts, "sctp", refused(options.refuse_sctp));
  add_verdict(verdicts, "raw", refused(options.refuse_raw),
              "raw and packet sockets that the kernel shows to the hook");
  const bool open = workload.open_on_agent_loss || !enforce;
  add_verdict(verdicts, "agent-lost", open ? "passes" : "refused",
              open ? "connections go out directly while the agent is away"
                   : "connections fail while the agent is away");
  if (parts_.enrolments.guarded(workload.netns_cookie)) {
    add_verdict(verdicts, "moved-sockets", refused(true),
                "the guard on the host's end of its device sees them");
  } else {
    add_verdict(
        verdicts, "moved-sockets", "passes",
        "sockets made before enrolment, or passed in from elsewhere, are not seen: no device to guard");
  }
}

Result<v1::ListWorkloadsReply> ControlBackend::list_workloads(const control::Peer& peer) {
  auto reply = main_.run<v1::ListWorkloadsReply>([&]() -> Result<v1::ListWorkloadsReply> {
    v1::ListWorkloadsReply list;
    for (const auto& [id, enrolment] : parts_.enrolments.all()) {
      if (peer.sees(enrolment.workload.owner)) *list.add_workloads() = info_of(enrolment);
    }
    return list;
  });
  if (!reply) return reply;
  for (auto& info : *reply->mutable_workloads())
    add_pids(info);
  return reply;
}

Result<v1::EnrollReply> ControlBackend::enroll(const control::Peer& peer, const v1::EnrollRequest& request) {
  struct Place {
    std::uint64_t network_namespace = 0;
    std::string mount;
    std::vector<std::string> cgroups;
  } place;
  auto reply = main_.run<v1::EnrollReply>([&]() -> Result<v1::EnrollReply> {
    const Enrolments::Request wanted{request.name(), request.identity(), peer.uid,
                                     request.from_inside() ? 0 : peer.pid,
                                     request.existing() == v1::EXISTING_CONNECTIONS_RESET};
    const auto enrolled = request.has_cgroup()
                              ? parts_.enrolments.enrol_cgroup(request.cgroup(), wanted)
                              : parts_.enrolments.enrol_process(static_cast<pid_t>(request.pid()), wanted);
    if (!enrolled) return enrolled.error();
    v1::EnrollReply made;
    *made.mutable_workload() = info_of(enrolled->enrolment);
    add_verdicts(enrolled->enrolment, *made.mutable_verdicts());
    add_existing(enrolled->existing, made);
    if (const Namespace* const shared = parts_.namespaces.find(enrolled->enrolment.workload.netns_cookie)) {
      if (const auto inode = workload::namespace_inode(shared->handle.get()))
        place.network_namespace = *inode;
      place.mount = parts_.programs.cgroup_mount();
      for (const auto& [id, enrolment] : parts_.enrolments.all())
        place.cgroups.push_back(enrolment.workload.cgroup);
    }
    return made;
  });
  if (!reply) return reply;
  add_pids(*reply->mutable_workload());
  if (!reply->workload().device_guard()) return reply;
  // Looking through all processes takes a while: not on the loop's thread.
  const auto neighbours = workload::find_neighbours(place.network_namespace, place.mount, place.cgroups);
  if (neighbours) add_neighbours(*neighbours, reply->workload().mode() == v1::MODE_ENFORCE, *reply);
  return reply;
}

Result<v1::UnenrollReply> ControlBackend::unenroll(const control::Peer&, const v1::UnenrollRequest& request) {
  return main_.run<v1::UnenrollReply>([&]() -> Result<v1::UnenrollReply> {
    std::string cgroup = request.cgroup();
    if (request.has_cgroup()) {
      // A cgroup that is gone is still known by the path it had.
      if (const auto found = workload::open_cgroup(cgroup)) cgroup = found->path;
    }
    v1::UnenrollReply made;
    for (const auto& [id, enrolment] : parts_.enrolments.all()) {
      const bool meant = request.has_name()     ? enrolment.workload.name == request.name()
                         : request.has_cgroup() ? enrolment.workload.cgroup == cgroup
                                                : id == request.id();
      if (meant) *made.add_workloads() = info_of(enrolment);
    }
    if (made.workloads().empty()) {
      return make_error("not_found", "no such workload is enrolled: see `callgate workloads`");
    }
    for (const auto& info : made.workloads())
      CALLGATE_TRY(parts_.enrolments.unenrol(info.id()));
    return made;
  });
}

Result<v1::StartRunReply> ControlBackend::start_run(const control::Peer& peer,
                                                    const v1::StartRunRequest& request) {
  return main_.run<v1::StartRunReply>([&]() -> Result<v1::StartRunReply> {
    const auto enrolment = parts_.enrolments.start_run(
        {request.name(), request.identity(), peer.uid, peer.pid, false}, peer.pidfd);
    if (!enrolment) return enrolment.error();
    v1::StartRunReply made;
    *made.mutable_workload() = info_of(*enrolment);
    add_verdicts(*enrolment, *made.mutable_verdicts());
    return made;
  });
}

}  // namespace callgate::node
