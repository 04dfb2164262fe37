// The client of the control API: what the command line uses to ask callgated.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "callgate/v1/control.pb.h"

namespace callgate::control {

// One connection. Errors of all requests: agent_unreachable, denied, timed_out, not_supported, and the codes
// of the backend (control/server.hpp). Belongs to one thread.
class Client {
 public:
  // Connects. Errors: agent_unreachable, denied, agent_untrusted (the socket belongs to a process of another
  // user, so that it could be anybody's).
  [[nodiscard]] static Result<std::unique_ptr<Client>> connect(
      const std::string& socket, std::chrono::milliseconds deadline = std::chrono::seconds(10));
  // Closes the connection.
  virtual ~Client() = default;

  // Any thread: ends the stream that is being read, and every one that comes.
  virtual void cancel() = 0;

  [[nodiscard]] virtual Result<v1::StatusReply> status() = 0;
  [[nodiscard]] virtual Result<v1::MetricsReply> metrics() = 0;
  [[nodiscard]] virtual Result<v1::UpgradeReply> start_upgrade(const v1::UpgradeRequest& request) = 0;
  [[nodiscard]] virtual Result<v1::ListWorkloadsReply> list_workloads() = 0;
  [[nodiscard]] virtual Result<v1::EnrollReply> enroll(const v1::EnrollRequest&) = 0;
  [[nodiscard]] virtual Result<v1::UnenrollReply> unenroll(const v1::UnenrollRequest&) = 0;
  [[nodiscard]] virtual Result<v1::StartRunReply> start_run(const v1::StartRunRequest&) = 0;
  [[nodiscard]] virtual Result<v1::DoctorReply> doctor() = 0;
  [[nodiscard]] virtual Result<v1::ListSessionsReply> list_sessions(const v1::ListSessionsRequest&) = 0;
  // Without a deadline. `part` and `item` return false to end the stream early.
  [[nodiscard]] virtual Result<void> show_session(
      const v1::ShowSessionRequest&, const std::function<bool(const v1::ShowSessionPart&)>& part) = 0;
  [[nodiscard]] virtual Result<void> tail_sessions(const v1::TailSessionsRequest&,
                                                   const std::function<bool(const v1::TailItem&)>& item) = 0;
  [[nodiscard]] virtual Result<void> search_sessions(
      const v1::SearchSessionsRequest&, const std::function<bool(const v1::SearchPart&)>& part) = 0;
  [[nodiscard]] virtual Result<v1::IdentityShowReply> identity_show(const v1::IdentityShowRequest&) = 0;
  [[nodiscard]] virtual Result<v1::IdentityBundleReply> identity_bundle(const v1::IdentityBundleRequest&) = 0;
  [[nodiscard]] virtual Result<v1::ProveSessionReply> prove_session(const v1::ProveSessionRequest&) = 0;
  [[nodiscard]] virtual Result<v1::ListHoldsReply> list_holds() = 0;
  [[nodiscard]] virtual Result<v1::ChangeHoldReply> change_hold(const v1::ChangeHoldRequest&) = 0;
  [[nodiscard]] virtual Result<v1::EraseSessionReply> erase_session(const v1::EraseSessionRequest&) = 0;
  [[nodiscard]] virtual Result<v1::ReindexReply> reindex(const v1::ReindexRequest&) = 0;
};

}  // namespace callgate::control
