#include "control/server.hpp"

#include <cerrno>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_posix.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "base/log.hpp"
#include "control/service.hpp"
#include "control/socket.hpp"

namespace callgate::control {
namespace {

// Requests are small; answers hold at most a page of records or a chunk of payload.
constexpr int largest_request = 64 << 10;
constexpr int largest_answer = 16 << 20;
constexpr auto grace = std::chrono::seconds(2);
// After an accept that failed because the process has no descriptors left.
constexpr int pause_ms = 100;

class GrpcServer : public Server {
 public:
  GrpcServer(ServerOptions options, ListeningSocket socket, Fd wake, Backend& backend)
      : options_(std::move(options)),
        socket_(std::move(socket)),
        wake_(std::move(wake)),
        peers_({.connections = options_.connections, .connections_per_user = options_.connections_per_user}),
        service_(options_.access, peers_, options_.streams, backend) {}

  ~GrpcServer() override {
    // The counter of an eventfd cannot be full after one write.
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof(one));
    if (acceptor_.joinable()) acceptor_.join();
    service_.stop();
    if (server_) server_->Shutdown(std::chrono::system_clock::now() + grace);
  }

  Result<void> serve() {
    grpc::ServerBuilder builder;
    builder.RegisterService(&service_);
    builder.SetMaxReceiveMessageSize(largest_request);
    builder.SetMaxSendMessageSize(largest_answer);
    builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
    builder.SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 1);
    builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 2);
    grpc::ResourceQuota quota("control");
    quota.SetMaxThreads(static_cast<int>(options_.streams) + 64);
    builder.SetResourceQuota(quota);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS,
                               static_cast<int>(options_.idle_timeout.count()));
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 16);
    builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, 16 << 10);
    server_ = builder.BuildAndStart();
    if (!server_) return make_error("grpc_failed", "gRPC did not start the control API");
    acceptor_ = std::thread([this] { accept_connections(); });
    return {};
  }

 private:
  void accept_connections() {
    pollfd events[] = {{socket_.fd(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
    for (;;) {
      if (::poll(events, 2, -1) < 0 && errno != EINTR) {
        log_error("control_poll_failed", {{"error", system_error("poll", errno).message}});
        return;
      }
      if (events[1].revents != 0) return;
      accept_one();
    }
  }

  void accept_one() {
    Fd connection(::accept4(socket_.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!connection) {
      if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED) return;
      log_warning("control_accept_failed", {{"error", system_error("accept", errno).message}});
      pollfd wake{wake_.get(), POLLIN, 0};
      ::poll(&wake, 1, pause_ms);
      return;
    }
    const auto number = peers_.admit(std::move(connection));
    if (!number) {
      log_warning("control_connection_refused",
                  {{"code", number.error().code}, {"error", number.error().message}});
      return;
    }
    grpc::AddInsecureChannelFromFd(server_.get(), *number);
  }

  const ServerOptions options_;
  const ListeningSocket socket_;
  const Fd wake_;
  PeerTable peers_;
  Service service_;
  std::unique_ptr<grpc::Server> server_;
  std::thread acceptor_;
};

}  // namespace

Result<std::unique_ptr<Server>> Server::start(ServerOptions options, Backend& backend) {
  auto socket = ListeningSocket::open(options.socket, options.group);
  if (!socket) return socket.error();
  Fd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake) return system_error("eventfd", errno);
  auto server =
      std::make_unique<GrpcServer>(std::move(options), std::move(*socket), std::move(wake), backend);
  CALLGATE_TRY(server->serve());
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace callgate::control
