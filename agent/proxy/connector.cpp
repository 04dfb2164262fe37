#include "proxy/connector.hpp"

#include <cerrno>

#include <fmt/format.h>
#include <sys/socket.h>

#include "base/bytes.hpp"
#include "proxy/thread_context.hpp"

namespace callgate::proxy {
namespace {

// Once a connection, for the records of all calls that it carries.
void note_certificate(UpstreamConnection& connection) {
  const auto& peer = connection.stream->tls_facts().peer;
  if (peer == nullptr) return;
  if (auto digest = from_hex(peer->sha256_hex)) connection.certificate_digest = std::move(*digest);
}

}  // namespace

void Connector::start(ThreadContext& context, const Workload& workload,
                      std::shared_ptr<UpstreamBucket> bucket, StreamUser& user) {
  context_ = &context;
  netns_cookie_ = workload.netns_cookie();
  bucket_ = std::move(bucket);
  failures_before_ = context.stock.failures(netns_cookie_, bucket_->address().v6);
  user_ = &user;
  connected_at_ = 0;
  handshaken_at_ = 0;
  connection_ = nullptr;
  phase_ = Phase::socket;
  deadline_ = context.clock.now() + context.settings.connect_timeout;
}

Connector::Progress Connector::step() {
  switch (phase_) {
    case Phase::socket: {
      Fd socket = context_->stock.take(netns_cookie_, bucket_->address().v6, context_->clock.now());
      if (socket) return connect(std::move(socket));
      const bool v6 = bucket_->address().v6;
      if (context_->stock.failures(netns_cookie_, v6) != failures_before_) {
        return fail(503, "upstream_socket_unavailable", context_->stock.last_error(netns_cookie_, v6));
      }
      return Progress::waiting_for_socket;
    }
    case Phase::connecting:
      return finish_connect();
    case Phase::handshaking:
      return handshake();
    case Phase::ready:
      return Progress::ready;
    case Phase::idle:
    case Phase::failed:
      break;
  }
  return Progress::failed;
}

Connector::Progress Connector::fail(int status, std::string code, std::string detail) {
  failure_ = {status, std::move(code), std::move(detail)};
  phase_ = Phase::failed;
  return Progress::failed;
}

Connector::Progress Connector::connect(Fd socket) {
  sockaddr_storage storage{};
  const socklen_t size = to_sockaddr(bucket_->address(), storage);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&storage), size) != 0 &&
      errno != EINPROGRESS) {
    const Error error = system_error(fmt::format("connect to {}", to_string(bucket_->address())), errno);
    return fail(502, errno == ECONNREFUSED ? "connect_refused" : "connect_failed", error.message);
  }
  auto stream = Stream::make(context_->poller, std::move(socket), *user_);
  if (!stream) return fail(503, "upstream_socket_unavailable", stream.error().message);
  connection_ = std::make_unique<UpstreamConnection>(context_->pool);
  connection_->stream = std::move(*stream);
  connection_->bucket = bucket_;
  phase_ = Phase::connecting;
  deadline_ = context_->clock.now() + context_->settings.connect_timeout;
  // The first edge tells how it went.
  connection_->stream->expect_connect();
  return Progress::waiting;
}

Connector::Progress Connector::finish_connect() {
  Stream& stream = *connection_->stream;
  if (!stream.writable()) return Progress::waiting;
  if (const int error_number = stream.connect_error(); error_number != 0) {
    const Error error =
        system_error(fmt::format("connect to {}", to_string(bucket_->address())), error_number);
    connection_ = nullptr;
    const char* code = error_number == ECONNREFUSED                                  ? "connect_refused"
                       : error_number == EHOSTUNREACH || error_number == ENETUNREACH ? "connect_unreachable"
                       : error_number == ETIMEDOUT                                   ? "connect_timeout"
                                                                                     : "connect_failed";
    return fail(error_number == ETIMEDOUT ? 504 : 502, code, error.message);
  }
  connected_at_ = context_->clock.now();
  if (bucket_->tls() == nullptr) {
    phase_ = Phase::ready;
    return Progress::ready;
  }
  if (const auto started = stream.start_tls(bucket_->tls(), bucket_->requirement()); !started) {
    connection_ = nullptr;
    return fail(502, started.error().code, started.error().message);
  }
  phase_ = Phase::handshaking;
  deadline_ = context_->clock.now() + context_->settings.connect_timeout;
  return handshake();
}

Connector::Progress Connector::handshake() {
  Stream& stream = *connection_->stream;
  switch (stream.handshake()) {
    case IoStatus::ok:
      break;
    case IoStatus::want_read:
    case IoStatus::want_write:
      return Progress::waiting;
    case IoStatus::closed:
    case IoStatus::failed:
      note_certificate(*connection_);
      return fail(502, stream.error().code.empty() ? "tls_failed" : stream.error().code,
                  stream.error().message);
  }
  note_certificate(*connection_);
  handshaken_at_ = context_->clock.now();
  phase_ = Phase::ready;
  return Progress::ready;
}

std::unique_ptr<UpstreamConnection> Connector::take() {
  phase_ = Phase::idle;
  return std::move(connection_);
}

void Connector::expire() {
  const std::string address = to_string(bucket_->address());
  switch (phase_) {
    case Phase::socket:
      (void)fail(503, "upstream_socket_unavailable",
                 "no socket in the workload's network namespace arrived in time");
      break;
    case Phase::handshaking:
      (void)fail(504, "tls_timeout",
                 fmt::format("{} accepted the connection, but did not finish the TLS handshake", address));
      break;
    default:
      (void)fail(504, "connect_timeout", fmt::format("{} did not answer the connection attempt", address));
      break;
  }
}

void Connector::cancel() {
  connection_ = nullptr;
  bucket_ = nullptr;
  phase_ = Phase::idle;
}

}  // namespace callgate::proxy
