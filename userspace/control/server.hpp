// The control API of callgated: a gRPC server on a Unix socket that knows which process and user asks.
//
// The server authorizes (control/access.hpp) before it calls the backend. What the backend must still do
// itself: show each peer only what it may see, see Peer::sees and Peer::may_read_payload.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <sys/types.h>

#include "base/result.hpp"
#include "callgate/v1/control.pb.h"
#include "control/access.hpp"

namespace callgate::control {

// The process at the other end of a connection, as it was when it connected.
struct Peer {
  uid_t uid = 0;
  gid_t gid = 0;
  pid_t pid = 0;
  // Refers to exactly the process `pid` was when it connected; borrowed, valid during the call of the
  // backend. After acting on `pid`, poll it: while it is not readable, the process lives and `pid` is still
  // its number.
  int pidfd = -1;
  Role role = Role::user;

  // Whether this peer may know of a workload of `owner`, of its policies and of its records.
  [[nodiscard]] bool sees(uid_t owner) const { return role >= Role::viewer || owner == uid; }
  // Whether this peer may have bytes that a workload of `owner` sent or was answered.
  [[nodiscard]] bool may_read_payload(uid_t owner) const { return role >= Role::auditor || owner == uid; }
};

// Where a streaming call puts its messages.
template <typename T>
class Stream {
 public:
  virtual ~Stream() = default;
  // Waits while the client reads slowly. False: the client went away or the server stops; return soon.
  [[nodiscard]] virtual bool write(const T& message) = 0;
  // True once nobody waits for more; callers that wait for something look at it at least every 500 ms.
  [[nodiscard]] virtual bool closed() const = 0;
};

// What callgated does when it is asked. Called from several threads at once. Codes of errors become gRPC
// statuses:
//   not_found                                       NOT_FOUND
//   denied, identity_not_granted                    PERMISSION_DENIED
//   invalid, bad_name, bad_id, ambiguous            INVALID_ARGUMENT
//   exists, busy, refused                           FAILED_PRECONDITION
//   too_large, too_many                             RESOURCE_EXHAUSTED
//   unavailable                                     UNAVAILABLE
//   anything else                                   INTERNAL
class Backend {
 public:
  virtual ~Backend() = default;

  [[nodiscard]] virtual Result<v1::StatusReply> status(const Peer&) = 0;
  [[nodiscard]] virtual Result<v1::MetricsReply> metrics(const Peer&) = 0;
  [[nodiscard]] virtual Result<v1::UpgradeReply> start_upgrade(const Peer&, const v1::UpgradeRequest&) = 0;
  [[nodiscard]] virtual Result<v1::ListWorkloadsReply> list_workloads(const Peer&) = 0;
  [[nodiscard]] virtual Result<v1::EnrollReply> enroll(const Peer&, const v1::EnrollRequest&) = 0;
  [[nodiscard]] virtual Result<v1::UnenrollReply> unenroll(const Peer&, const v1::UnenrollRequest&) = 0;
  // The name is a valid DNS label, and the peer may use the identity (if one is asked for).
  [[nodiscard]] virtual Result<v1::StartRunReply> start_run(const Peer&, const v1::StartRunRequest&) = 0;
  [[nodiscard]] virtual Result<v1::DoctorReply> doctor(const Peer&) = 0;
  [[nodiscard]] virtual Result<v1::ListSessionsReply> list_sessions(const Peer&,
                                                                    const v1::ListSessionsRequest&) = 0;
  [[nodiscard]] virtual Result<void> show_session(const Peer&, const v1::ShowSessionRequest&,
                                                  Stream<v1::ShowSessionPart>&) = 0;
  // With follow, returns when the stream is closed.
  [[nodiscard]] virtual Result<void> tail_sessions(const Peer&, const v1::TailSessionsRequest&,
                                                   Stream<v1::TailItem>&) = 0;
  [[nodiscard]] virtual Result<void> search_sessions(const Peer&, const v1::SearchSessionsRequest&,
                                                     Stream<v1::SearchPart>&) = 0;
  [[nodiscard]] virtual Result<v1::IdentityShowReply> identity_show(const Peer&,
                                                                    const v1::IdentityShowRequest&) = 0;
  [[nodiscard]] virtual Result<v1::IdentityBundleReply> identity_bundle(const Peer&,
                                                                        const v1::IdentityBundleRequest&) = 0;
  [[nodiscard]] virtual Result<v1::ProveSessionReply> prove_session(const Peer&,
                                                                    const v1::ProveSessionRequest&) = 0;
  [[nodiscard]] virtual Result<v1::ListHoldsReply> list_holds(const Peer&) = 0;
  [[nodiscard]] virtual Result<v1::ChangeHoldReply> change_hold(const Peer&,
                                                                const v1::ChangeHoldRequest&) = 0;
  [[nodiscard]] virtual Result<v1::EraseSessionReply> erase_session(const Peer&,
                                                                    const v1::EraseSessionRequest&) = 0;
  [[nodiscard]] virtual Result<v1::ReindexReply> reindex(const Peer&, const v1::ReindexRequest&) = 0;
};

struct ServerOptions {
  std::string socket;  // absolute path
  // Group that owns the socket, which then has mode 0660; none: mode 0666, and what a user may do is decided
  // by uid.
  std::optional<gid_t> group;
  Access access;
  std::size_t connections = 256;                                     // at once
  std::size_t connections_per_user = 32;                             // at once, of one uid other than root
  std::size_t streams = 64;                                          // tailing clients at once
  std::chrono::milliseconds idle_timeout = std::chrono::minutes(5);  // of a connection without a call
};

// Serves from start() until it is destroyed: then it stops accepting, gives open calls two seconds, cancels
// the rest, and removes the socket.
class Server {
 public:
  // The directory of the socket must exist, belong to root or to the own user, and not be writable for
  // others. A socket that is left over is replaced; one where somebody listens is error in_use. `backend`
  // must outlive the server.
  [[nodiscard]] static Result<std::unique_ptr<Server>> start(ServerOptions options, Backend& backend);
  virtual ~Server() = default;
};

}  // namespace callgate::control
