#include "control/client.hpp"

#include <cerrno>
#include <mutex>

#include <fmt/format.h>
#include <grpcpp/channel.h>
#include <grpcpp/create_channel_posix.h>
#include <grpcpp/support/channel_arguments.h>
#include <sys/socket.h>
#include <unistd.h>

#include "callgate/v1/control.grpc.pb.h"
#include "control/socket.hpp"
#include "control/status.hpp"

namespace callgate::control {
namespace {

constexpr int largest_answer = 16 << 20;

class GrpcClient : public Client {
 public:
  GrpcClient(std::shared_ptr<grpc::Channel> channel, std::chrono::milliseconds deadline)
      : stub_(v1::Control::NewStub(std::move(channel))), deadline_(deadline) {}

  void cancel() override {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
    if (stream_ != nullptr) stream_->TryCancel();
  }

  Result<v1::StatusReply> status() override { return ask<v1::StatusReply>(&v1::Control::Stub::Status, {}); }
  Result<v1::UpgradeReply> start_upgrade(const v1::UpgradeRequest& request) override {
    return ask<v1::UpgradeReply>(&v1::Control::Stub::StartUpgrade, request);
  }
  Result<v1::MetricsReply> metrics() override {
    return ask<v1::MetricsReply>(&v1::Control::Stub::Metrics, v1::MetricsRequest());
  }
  Result<v1::ListWorkloadsReply> list_workloads() override {
    return ask<v1::ListWorkloadsReply>(&v1::Control::Stub::ListWorkloads, v1::ListWorkloadsRequest());
  }
  Result<v1::EnrollReply> enroll(const v1::EnrollRequest& request) override {
    return ask<v1::EnrollReply>(&v1::Control::Stub::Enroll, request);
  }
  Result<v1::UnenrollReply> unenroll(const v1::UnenrollRequest& request) override {
    return ask<v1::UnenrollReply>(&v1::Control::Stub::Unenroll, request);
  }
  Result<v1::StartRunReply> start_run(const v1::StartRunRequest& request) override {
    return ask<v1::StartRunReply>(&v1::Control::Stub::StartRun, request);
  }
  Result<v1::DoctorReply> doctor() override {
    return ask<v1::DoctorReply>(&v1::Control::Stub::Doctor, v1::DoctorRequest());
  }
  Result<v1::ListSessionsReply> list_sessions(const v1::ListSessionsRequest& request) override {
    return ask<v1::ListSessionsReply>(&v1::Control::Stub::ListSessions, request);
  }
  Result<void> show_session(const v1::ShowSessionRequest& request,
                            const std::function<bool(const v1::ShowSessionPart&)>& part) override {
    grpc::ClientContext context;
    const Cancellable cancellable(*this, context);
    return read_all<v1::ShowSessionPart>(context, *stub_->ShowSession(&context, request), part);
  }
  Result<void> tail_sessions(const v1::TailSessionsRequest& request,
                             const std::function<bool(const v1::TailItem&)>& item) override {
    grpc::ClientContext context;
    const Cancellable cancellable(*this, context);
    return read_all<v1::TailItem>(context, *stub_->TailSessions(&context, request), item);
  }
  Result<void> search_sessions(const v1::SearchSessionsRequest& request,
                               const std::function<bool(const v1::SearchPart&)>& part) override {
    grpc::ClientContext context;
    const Cancellable cancellable(*this, context);
    return read_all<v1::SearchPart>(context, *stub_->SearchSessions(&context, request), part);
  }
  Result<v1::IdentityShowReply> identity_show(const v1::IdentityShowRequest& request) override {
    return ask<v1::IdentityShowReply>(&v1::Control::Stub::IdentityShow, request);
  }
  Result<v1::IdentityBundleReply> identity_bundle(const v1::IdentityBundleRequest& request) override {
    return ask<v1::IdentityBundleReply>(&v1::Control::Stub::IdentityBundle, request);
  }
  Result<v1::ProveSessionReply> prove_session(const v1::ProveSessionRequest& request) override {
    return ask<v1::ProveSessionReply>(&v1::Control::Stub::ProveSession, request);
  }
  Result<v1::ListHoldsReply> list_holds() override {
    return ask<v1::ListHoldsReply>(&v1::Control::Stub::ListHolds, v1::ListHoldsRequest());
  }
  Result<v1::ChangeHoldReply> change_hold(const v1::ChangeHoldRequest& request) override {
    return ask<v1::ChangeHoldReply>(&v1::Control::Stub::ChangeHold, request);
  }
  Result<v1::EraseSessionReply> erase_session(const v1::EraseSessionRequest& request) override {
    return ask<v1::EraseSessionReply>(&v1::Control::Stub::EraseSession, request);
  }
  Result<v1::ReindexReply> reindex(const v1::ReindexRequest& request) override {
    return ask<v1::ReindexReply>(&v1::Control::Stub::Reindex, request);
  }

 private:
  template <typename Reply, typename Request>
  Result<Reply> ask(grpc::Status (v1::Control::Stub::*method)(grpc::ClientContext*, const Request&, Reply*),
                    const Request& request) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + deadline_);
    Reply reply;
    const auto status = (*stub_.*method)(&context, request, &reply);
    if (!status.ok()) return from_status(status);
    return reply;
  }

  template <typename Message>
  static Result<void> read_all(grpc::ClientContext& context, grpc::ClientReader<Message>& reader,
                               const std::function<bool(const Message&)>& take) {
    Message message;
    bool wanted = true;
    while (wanted && reader.Read(&message))
      wanted = take(message);
    if (!wanted) context.TryCancel();
    const auto status = reader.Finish();
    if (!wanted || status.ok()) return {};
    return from_status(status);
  }

  // Makes a stream known to cancel() as long as it is read.
  class Cancellable {
   public:
    Cancellable(GrpcClient& client, grpc::ClientContext& context) : client_(client) {
      const std::lock_guard lock(client_.mutex_);
      client_.stream_ = &context;
      if (client_.cancelled_) context.TryCancel();
    }
    ~Cancellable() {
      const std::lock_guard lock(client_.mutex_);
      client_.stream_ = nullptr;
    }
    Cancellable(const Cancellable&) = delete;
    Cancellable& operator=(const Cancellable&) = delete;

   private:
    GrpcClient& client_;
  };

  std::mutex mutex_;
  grpc::ClientContext* stream_ = nullptr;
  bool cancelled_ = false;
  std::unique_ptr<v1::Control::Stub> stub_;
  std::chrono::milliseconds deadline_;
};

// Whoever can make a socket at a path of their choice could otherwise answer in the agent's place.
Result<void> check_server(int socket, const std::string& path) {
  ucred credentials{};
  socklen_t size = sizeof(credentials);
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return system_error("read who listens", errno);
  }
  if (credentials.uid == 0 || credentials.uid == ::geteuid()) return {};
  return make_error(
      "agent_untrusted",
      fmt::format(
          "{} belongs to a process of uid {}, and callgated is root's: name the right socket with --socket",
          path, credentials.uid));
}

}  // namespace

Result<std::unique_ptr<Client>> Client::connect(const std::string& socket,
                                                std::chrono::milliseconds deadline) {
  auto connection = connect_to(socket);
  if (!connection) return connection.error();
  CALLGATE_TRY(check_server(connection->get(), socket));
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(largest_answer);
  auto channel = grpc::CreateCustomInsecureChannelFromFd("callgated", connection->release(), arguments);
  return std::unique_ptr<Client>(std::make_unique<GrpcClient>(std::move(channel), deadline));
}

}  // namespace callgate::control
