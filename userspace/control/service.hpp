// The gRPC service: finds out who asks, decides whether they may, checks what they ask, and asks the backend.
#pragma once

#include <atomic>
#include <map>
#include <mutex>

#include "callgate/v1/control.grpc.pb.h"
#include "control/peers.hpp"
#include "control/server.hpp"

namespace callgate::control {

// Calls of whole messages are answered at once; streams can last, so their number is bounded, in all and of
// one user.
class StreamSlots {
 public:
  explicit StreamSlots(std::size_t most) : most_(most) {}
  [[nodiscard]] bool take(uid_t uid);
  void give_back(uid_t uid);

 private:
  std::size_t most_;
  std::mutex mutex_;
  std::size_t taken_ = 0;
  std::map<uid_t, std::size_t> taken_by_;
};

class Service final : public v1::Control::Service {
 public:
  Service(const Access& access, const PeerTable& peers, std::size_t streams, Backend& backend)
      : access_(access), peers_(peers), slots_(streams), backend_(backend) {}

  // From now on streams count as closed.
  void stop() { stopping_ = true; }

  grpc::Status Status(grpc::ServerContext* context, const v1::StatusRequest* request,
                      v1::StatusReply* reply) override;
  grpc::Status Metrics(grpc::ServerContext* context, const v1::MetricsRequest* request,
                       v1::MetricsReply* reply) override;
  grpc::Status StartUpgrade(grpc::ServerContext* context, const v1::UpgradeRequest* request,
                            v1::UpgradeReply* reply) override;
  grpc::Status ListWorkloads(grpc::ServerContext* context, const v1::ListWorkloadsRequest* request,
                             v1::ListWorkloadsReply* reply) override;
  grpc::Status Enroll(grpc::ServerContext* context, const v1::EnrollRequest* request,
                      v1::EnrollReply* reply) override;
  grpc::Status Unenroll(grpc::ServerContext* context, const v1::UnenrollRequest* request,
                        v1::UnenrollReply* reply) override;
  grpc::Status StartRun(grpc::ServerContext* context, const v1::StartRunRequest* request,
                        v1::StartRunReply* reply) override;
  grpc::Status Doctor(grpc::ServerContext* context, const v1::DoctorRequest* request,
                      v1::DoctorReply* reply) override;
  grpc::Status ListSessions(grpc::ServerContext* context, const v1::ListSessionsRequest* request,
                            v1::ListSessionsReply* reply) override;
  grpc::Status ShowSession(grpc::ServerContext* context, const v1::ShowSessionRequest* request,
                           grpc::ServerWriter<v1::ShowSessionPart>* writer) override;
  grpc::Status TailSessions(grpc::ServerContext* context, const v1::TailSessionsRequest* request,
                            grpc::ServerWriter<v1::TailItem>* writer) override;
  grpc::Status SearchSessions(grpc::ServerContext* context, const v1::SearchSessionsRequest* request,
                              grpc::ServerWriter<v1::SearchPart>* writer) override;
  grpc::Status IdentityShow(grpc::ServerContext* context, const v1::IdentityShowRequest* request,
                            v1::IdentityShowReply* reply) override;
  grpc::Status IdentityBundle(grpc::ServerContext* context, const v1::IdentityBundleRequest* request,
                              v1::IdentityBundleReply* reply) override;
  grpc::Status ProveSession(grpc::ServerContext* context, const v1::ProveSessionRequest* request,
                            v1::ProveSessionReply* reply) override;
  grpc::Status ListHolds(grpc::ServerContext* context, const v1::ListHoldsRequest* request,
                         v1::ListHoldsReply* reply) override;
  grpc::Status ChangeHold(grpc::ServerContext* context, const v1::ChangeHoldRequest* request,
                          v1::ChangeHoldReply* reply) override;
  grpc::Status EraseSession(grpc::ServerContext* context, const v1::EraseSessionRequest* request,
                            v1::EraseSessionReply* reply) override;
  grpc::Status Reindex(grpc::ServerContext* context, const v1::ReindexRequest* request,
                       v1::ReindexReply* reply) override;

 private:
  // Runs `ask` for a peer whose process `allow` accepts, and answers what it returns.
  template <typename Reply, typename Allow, typename Ask>
  grpc::Status answer(const grpc::ServerContext& context, Reply* reply, Allow allow, Ask ask);
  template <typename Message, typename Allow, typename Ask>
  grpc::Status answer_stream(const grpc::ServerContext& context, grpc::ServerWriter<Message>* writer,
                             Allow allow, Ask ask);

  const Access& access_;
  const PeerTable& peers_;
  StreamSlots slots_;
  Backend& backend_;
  std::atomic<bool> stopping_ = false;
};

}  // namespace callgate::control
