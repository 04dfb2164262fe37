#include "control/service.hpp"

#include <exception>
#include <string>

#include <fmt/format.h>

#include "base/ids.hpp"
#include "base/log.hpp"
#include "control/status.hpp"

namespace callgate::control {
namespace {

constexpr std::size_t longest_text = 4096;
constexpr std::uint32_t largest_page = 1000;

Error invalid(std::string message) {
  return make_error("invalid", std::move(message));
}

Result<void> check_name(const std::string& name) {
  if (is_workload_name(name)) return {};
  return make_error(
      "bad_name",
      "a workload's name has 1 to 63 letters a-z, digits and `-`, and neither starts nor ends with `-`");
}

Result<void> check(const v1::EnrollRequest& request) {
  if (request.what_case() == v1::EnrollRequest::WHAT_NOT_SET)
    return invalid("say which cgroup or which process to enrol");
  if (request.has_cgroup() && (request.cgroup().empty() || request.cgroup()[0] != '/')) {
    return invalid("the cgroup must be an absolute path, such as /sys/fs/cgroup/system.slice/shop.service");
  }
  if (request.cgroup().size() > longest_text || request.identity().size() > longest_text)
    return invalid("the request is too long");
  if (request.has_pid() && (request.pid() == 0 || request.pid() > 0x7fffffffU))
    return invalid("the pid is no process id");
  if (!v1::ExistingConnections_IsValid(request.existing()))
    return invalid("existing connections can be kept or reset");
  return request.name().empty() ? Result<void>() : check_name(request.name());
}

Result<void> check(const v1::UnenrollRequest& request) {
  if (request.what_case() == v1::UnenrollRequest::WHAT_NOT_SET)
    return invalid("say which workload to unenrol");
  if (request.name().size() > longest_text || request.cgroup().size() > longest_text)
    return invalid("the request is too long");
  return {};
}

Result<void> check_id(const std::string& id) {
  if (id.size() >= 6 && id.size() <= 32 && id.find_first_not_of("0123456789abcdef") == std::string::npos)
    return {};
  return make_error("bad_id", "an id has 6 to 32 hexadecimal digits, as `callgate sessions list` shows them");
}

template <typename Message>
class WriterStream : public Stream<Message> {
 public:
  WriterStream(const grpc::ServerContext& context, grpc::ServerWriter<Message>& writer,
               const std::atomic<bool>& stopping)
      : context_(context), writer_(writer), stopping_(stopping) {}

  bool write(const Message& message) override { return !closed() && writer_.Write(message); }
  bool closed() const override { return stopping_ || context_.IsCancelled(); }

 private:
  const grpc::ServerContext& context_;
  grpc::ServerWriter<Message>& writer_;
  const std::atomic<bool>& stopping_;
};

// A slot that is given back whatever happens.
class Slot {
 public:
  Slot(StreamSlots& slots, uid_t uid) : slots_(slots), uid_(uid), taken_(slots.take(uid)) {}
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;
  ~Slot() {
    if (taken_) slots_.give_back(uid_);
  }
  [[nodiscard]] bool taken() const { return taken_; }

 private:
  StreamSlots& slots_;
  uid_t uid_;
  bool taken_;
};

// An exception is a mistake in callgated: this request fails, and the agent goes on.
template <typename Ask>
grpc::Status guarded(Ask ask) {
  try {
    return ask();
  } catch (const std::exception& exception) {
    log_error("control_request_threw", {{"what", exception.what()}});
    return to_status({"internal", "callgated made a mistake with this request: see its log"});
  }
}

Error unknown_peer() {
  return {"denied", "callgated does not know who asks: connect to its socket anew"};
}

}  // namespace

bool StreamSlots::take(uid_t uid) {
  const std::lock_guard lock(mutex_);
  auto& own = taken_by_[uid];
  // Half of the slots is never one user's, root's apart.
  if (taken_ >= most_ || (uid != 0 && own * 2 >= most_)) return false;
  ++own;
  ++taken_;
  return true;
}

void StreamSlots::give_back(uid_t uid) {
  const std::lock_guard lock(mutex_);
  --taken_;
  const auto own = taken_by_.find(uid);
  if (--own->second == 0) taken_by_.erase(own);
}

template <typename Reply, typename Allow, typename Ask>
grpc::Status Service::answer(const grpc::ServerContext& context, Reply* reply, Allow allow, Ask ask) {
  return guarded([&]() -> grpc::Status {
    const auto process = peers_.find(context.peer());
    if (!process) return to_status(unknown_peer());
    const Account& account = process->account;
    if (const Result<void> allowed = allow(*process); !allowed) return to_status(allowed.error());
    const Peer peer{account.uid, account.gid, process->pid, process->pidfd.get(), access_.role_of(account)};
    Result<Reply> result = ask(peer);
    if (!result) return to_status(result.error());
    *reply = std::move(*result);
    return grpc::Status::OK;
  });
}

template <typename Message, typename Allow, typename Ask>
grpc::Status Service::answer_stream(const grpc::ServerContext& context, grpc::ServerWriter<Message>* writer,
                                    Allow allow, Ask ask) {
  return guarded([&]() -> grpc::Status {
    const auto process = peers_.find(context.peer());
    if (!process) return to_status(unknown_peer());
    const Account& account = process->account;
    if (const Result<void> allowed = allow(*process); !allowed) return to_status(allowed.error());
    const Peer peer{account.uid, account.gid, process->pid, process->pidfd.get(), access_.role_of(account)};
    const Slot slot(slots_, peer.uid);
    if (!slot.taken())
      return to_status({"too_many", "too many clients follow or read sessions now: try again later"});
    WriterStream<Message> stream(context, *writer, stopping_);
    const Result<void> result = ask(peer, stream);
    return result ? grpc::Status::OK : to_status(result.error());
  });
}

grpc::Status Service::Status(grpc::ServerContext* context, const v1::StatusRequest*, v1::StatusReply* reply) {
  return answer(
      *context, reply,
      [&](const PeerProcess& asker) { return access_.may_see_own(asker.account, "see the agent's status"); },
      [&](const Peer& peer) { return backend_.status(peer); });
}

grpc::Status Service::Metrics(grpc::ServerContext* context, const v1::MetricsRequest*,
                              v1::MetricsReply* reply) {
  return answer(
      *context, reply,
      [&](const PeerProcess& asker) { return access_.may_see_own(asker.account, "see the metrics"); },
      [&](const Peer& peer) { return backend_.metrics(peer); });
}

grpc::Status Service::StartUpgrade(grpc::ServerContext* context, const v1::UpgradeRequest* request,
                                   v1::UpgradeReply* reply) {
  return answer(
      *context, reply,
      [&](const PeerProcess& asker) { return access_.may_administrate(asker.account, "replace callgated"); },
      [&](const Peer& peer) { return backend_.start_upgrade(peer, *request); });
}

grpc::Status Service::ListWorkloads(grpc::ServerContext* context, const v1::ListWorkloadsRequest*,
                                    v1::ListWorkloadsReply* reply) {
  return answer(
      *context, reply,
      [&](const PeerProcess& asker) { return access_.may_see_own(asker.account, "list workloads"); },
      [&](const Peer& peer) { return backend_.list_workloads(peer); });
}

grpc::Status Service::Enroll(grpc::ServerContext* context, const v1::EnrollRequest* request,
                             v1::EnrollReply* reply) {
  return answer(
      *context, reply,
      [&](const PeerProcess& asker) -> Result<void> {
        CALLGATE_TRY(access_.may_administrate(asker.account, "enrol"));
        return check(*request);
      },
      [&](const Peer& peer) { return backend_.enroll(peer, *request); });
}

grpc::Status Service::Unenroll(grpc::ServerContext* context, const v1::UnenrollRequest* request,
                               v1::UnenrollReply* reply) {
  return answer(
      *context, reply,
      [&](const PeerProcess& asker) -> Result<void> {
        CALLGATE_TRY(access_.may_administrate(asker.account, "unenrol"));
        return check(*request);
      },
      [&](const Peer& peer) { return backend_.unenroll(peer, *request); });
}

grpc::Status Service::StartRun(grpc::ServerContext* context, const v1::StartRunRequest* request,
                               v1::StartRunReply* reply) {
  return answer(
      *context, reply,
      [&](const PeerProcess& asker) -> Result<void> {
        CALLGATE_TRY(access_.may_run(asker.account));
        CALLGATE_TRY(check_name(request->name()));
        if (!request->identity().empty()) CALLGATE_TRY(access_.may_use(asker.account, request->identity()));
        if (!asker.pidfd) {
          return make_error("refused",
                            "callgated does not see your process, because it runs in another PID namespace");
        }
        return {};
      },
      [&](const Peer& peer) { return backend_.start_run(peer, *request); });
}

grpc::Status Service::Doctor(grpc::ServerContext* context, const v1::DoctorRequest*, v1::DoctorReply* reply) {
  return answer(
      *context, reply,
      [&](const PeerProcess& asker) {
        return access_.may_administrate(asker.account, "ask for the agent's findings");
      },
      [&](const Peer& peer) { return backend_.doctor(peer); });
}

grpc::Status Service::ListSessions(grpc::ServerContext* context, const v1::ListSessionsRequest* request,
                                   v1::ListSessionsReply* reply) {
  return answer(
      *context, reply,
      [&](const PeerProcess& asker) -> Result<void> {
        CALLGATE_TRY(access_.may_see_own(asker.account, "list sessions"));
        if (request->page_size() > largest_page)
          return invalid(fmt::format("a page has at most {} records", largest_page));
        return {};
      },
      [&](const Peer& peer) { return backend_.list_sessions(peer, *request); });
}

grpc::Status Service::ShowSession(grpc::ServerContext* context, const v1::ShowSessionRequest* request,
                                  grpc::ServerWriter<v1::ShowSessionPart>* writer) {
  return answer_stream(
      *context, writer,
      [&](const PeerProcess& asker) -> Result<void> {
        CALLGATE_TRY(access_.may_see_own(asker.account, "show sessions"));
        if (!request->call_id().empty() && request->call_id().size() != sizeof(Id))
          return invalid("the id of a call has 16 bytes");
        return check_id(request->id());
      },
      [&](const Peer& peer, Stream<v1::ShowSessionPart>& stream) {
        return backend_.show_session(peer, *request, stream);
      });
}

grpc::Status Service::TailSessions(grpc::ServerContext* context, const v1::TailSessionsRequest* request,
                                   grpc::ServerWriter<v1::TailItem>* writer) {
  return answer_stream(
      *context, writer,
      [&](const PeerProcess& asker) { return access_.may_see_own(asker.account, "follow sessions"); },
      [&](const Peer& peer, Stream<v1::TailItem>& stream) {
        return backend_.tail_sessions(peer, *request, stream);
      });
}

grpc::Status Service::SearchSessions(grpc::ServerContext* context, const v1::SearchSessionsRequest* request,
                                     grpc::ServerWriter<v1::SearchPart>* writer) {
  return answer_stream(
      *context, writer,
      [&](const PeerProcess& asker) { return access_.may_see_own(asker.account, "search sessions"); },
      [&](const Peer& peer, Stream<v1::SearchPart>& stream) {
        return backend_.search_sessions(peer, *request, stream);
      });
}

grpc::Status Service::IdentityShow(grpc::ServerContext* context, const v1::IdentityShowRequest* request,
                                   v1::IdentityShowReply* reply) {
  return answer(
      *context, reply,
      [&](const PeerProcess& asker) { return access_.may_see_own(asker.account, "see identities"); },
      [&](const Peer& peer) { return backend_.identity_show(peer, *request); });
}

grpc::Status Service::IdentityBundle(grpc::ServerContext* context, const v1::IdentityBundleRequest* request,
                                     v1::IdentityBundleReply* reply) {
  return answer(
      *context, reply,
      [&](const PeerProcess& asker) { return access_.may_see_own(asker.account, "read the trust bundle"); },
      [&](const Peer& peer) { return backend_.identity_bundle(peer, *request); });
}

grpc::Status Service::ProveSession(grpc::ServerContext* context, const v1::ProveSessionRequest* request,
                                   v1::ProveSessionReply* reply) {
  return answer(
      *context, reply,
      [&](const PeerProcess& asker) -> Result<void> {
        CALLGATE_TRY(access_.may_audit(asker.account, "have records proved"));
        return check_id(request->id());
      },
      [&](const Peer& peer) { return backend_.prove_session(peer, *request); });
}

grpc::Status Service::ListHolds(grpc::ServerContext* context, const v1::ListHoldsRequest*,
                                v1::ListHoldsReply* reply) {
  return answer(
      *context, reply,
      [&](const PeerProcess& asker) { return access_.may_audit(asker.account, "see what is held"); },
      [&](const Peer& peer) { return backend_.list_holds(peer); });
}

grpc::Status Service::ChangeHold(grpc::ServerContext* context, const v1::ChangeHoldRequest* request,
                                 v1::ChangeHoldReply* reply) {
  return answer(
      *context, reply,
      [&](const PeerProcess& asker) { return access_.may_administrate(asker.account, "set or lift a hold"); },
      [&](const Peer& peer) { return backend_.change_hold(peer, *request); });
}

grpc::Status Service::EraseSession(grpc::ServerContext* context, const v1::EraseSessionRequest* request,
                                   v1::EraseSessionReply* reply) {
  return answer(
      *context, reply,
      [&](const PeerProcess& asker) -> Result<void> {
        CALLGATE_TRY(access_.may_administrate(asker.account, "erase payload"));
        if (!request->call_id().empty() && request->call_id().size() != sizeof(Id))
          return invalid("the id of a call has 16 bytes");
        return check_id(request->id());
      },
      [&](const Peer& peer) { return backend_.erase_session(peer, *request); });
}

grpc::Status Service::Reindex(grpc::ServerContext* context, const v1::ReindexRequest* request,
                              v1::ReindexReply* reply) {
  return answer(
      *context, reply,
      [&](const PeerProcess& asker) {
        return access_.may_administrate(asker.account, "make the index anew");
      },
      [&](const Peer& peer) { return backend_.reindex(peer, *request); });
}

}  // namespace callgate::control
