#include "transport/tls_stream.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/socket.h>

namespace callgate::transport {
namespace {

// Four full records: what the shared output buffer holds.
constexpr std::size_t write_limit = 65536;

// Looking first is much cheaper than clearing what is nearly always clear.
void clear_errors() {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

}  // namespace

Result<std::unique_ptr<TlsConnection>> TlsConnection::start(std::shared_ptr<TlsClient> client, Fd socket,
                                                            const TargetRequirement& requirement) {
  auto context = std::static_pointer_cast<TlsContext>(std::move(client));
  auto expectation = parse_requirement(requirement, context->trust_domain());
  if (!expectation) return expectation.error();
  if (requirement.require_client_certificate_request && !context->has_identity()) {
    return make_error("bad_requirement",
                      fmt::format("{} is to be called with mutual TLS, but the workload has no "
                                  "certificate to present",
                                  identity::printable(requirement.name, 260)));
  }
  auto stream = std::make_unique<TlsStream>(std::move(context), std::move(socket), requirement,
                                            std::move(*expectation));
  CALLGATE_TRY(stream->prepare());
  return std::unique_ptr<TlsConnection>(std::move(stream));
}

TlsStream::TlsStream(std::shared_ptr<TlsContext> client, Fd socket, const TargetRequirement& requirement,
                     Expectation expectation)
    : client_(std::move(client)),
      io_(std::move(socket)),
      requirement_(requirement),
      expectation_(std::move(expectation)) {}

TlsStream::~TlsStream() {
  // SSL_free takes a connection without close_notify for a broken one, and spoils its sessions.
  if (ssl_ && phase_ != Phase::failed)
    SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

Result<void> TlsStream::prepare() {
  ERR_clear_error();
  // The end of a handshake and the request after it are two sends; Nagle would hold the second one for a
  // round trip. Sockets of other families have no such option.
  const int on = 1;
  static_cast<void>(::setsockopt(io_.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)));
  ssl_.reset(SSL_new(client_->context()));
  BIO* const bio = ssl_ ? io_.make_bio() : nullptr;
  if (bio == nullptr) return make_error("tls_failed", "out of memory for a TLS connection");
  SSL* const ssl = ssl_.get();
  SSL_set_bio(ssl, bio, bio);
  SSL_set_app_data(ssl, this);
  SSL_set_connect_state(ssl);
  bool done =
      SSL_set_min_proto_version(ssl, requirement_.allow_tls12 ? TLS1_2_VERSION : TLS1_3_VERSION) == 1 &&
      SSL_set1_verify_cert_store(ssl, client_->anchors(expectation_.use_bundle)) == 1;
  if (expectation_.is_dns_name())
    done = done && SSL_set_tlsext_host_name(ssl, expectation_.name.c_str()) == 1;
  if (expectation_.verify && !expectation_.spiffe_id) {
    X509_VERIFY_PARAM* const rules = SSL_get0_param(ssl);
    X509_VERIFY_PARAM_set_hostflags(
        rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    done = done && (expectation_.ip_size > 0
                        ? X509_VERIFY_PARAM_set1_ip(rules, expectation_.ip.data(), expectation_.ip_size) == 1
                        : X509_VERIFY_PARAM_set1_host(rules, expectation_.name.data(),
                                                      expectation_.name.size()) == 1);
  }
  if (!requirement_.application_protocols.empty()) {
    std::string list;
    for (const std::string& protocol : requirement_.application_protocols) {
      if (protocol.empty() || protocol.size() > 255)
        return make_error("bad_requirement", "an ALPN protocol has 1 to 255 bytes");
      list.append(1, static_cast<char>(protocol.size())).append(protocol);
    }
    const auto bytes = as_bytes(list);
    done = done && SSL_set_alpn_protos(ssl, bytes.data(), static_cast<unsigned>(bytes.size())) == 0;
  }
  auto resumable = client_->sessions().take(requirement_, client_->now());
  if (resumable.session) {
    done = done && SSL_set_session(ssl, resumable.session.get()) == 1;
    offered_ = std::move(resumable.target);
  }
  if (!done) {
    return make_error("tls_failed", fmt::format("OpenSSL cannot be set up for {}: {}", target(),
                                                identity::take_openssl_error()));
  }
  return {};
}

IoStatus TlsStream::handshake() {
  if (phase_ == Phase::open) return IoStatus::ok;
  if (phase_ == Phase::closed) return IoStatus::closed;
  if (phase_ == Phase::failed) return IoStatus::failed;
  if (phase_ == Phase::finishing) return finish_handshake();
  if (io_.flush() == SocketIo::Flush::blocked) return IoStatus::want_write;
  io_.allow_receive(true);
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  const int status = SSL_get_error(ssl_.get(), result);
  if (result == 1) {
    phase_ = Phase::finishing;
    const auto outcome = check_outcome();
    if (!outcome) {
      SSL_shutdown(ssl_.get());
      io_.flush();
      return fail(outcome.error());
    }
    return finish_handshake();
  }
  const auto flushed = io_.flush();  // also the alert that tells the target why it was refused
  const auto verdict = judge(status);
  return verdict == IoStatus::want_read && flushed == SocketIo::Flush::blocked ? IoStatus::want_write
                                                                               : verdict;
}

IoStatus TlsStream::finish_handshake() {
  switch (io_.flush()) {
    case SocketIo::Flush::blocked:
      return IoStatus::want_write;
    case SocketIo::Flush::broken:
      phase_ = Phase::open;
      static_cast<void>(write_failed());
      return fail(std::move(error_));
    case SocketIo::Flush::done:
      break;
  }
  phase_ = Phase::open;
  return IoStatus::ok;
}

Result<void> TlsStream::check_outcome() {
  const bool resumed = SSL_session_reused(ssl_.get()) == 1;
  if (resumed) {
    target_ = offered_;
  } else if (proved_) {
    int signature = 0;
    proved_->client_certificate_sent =
        certificate_requested_ && SSL_get_signature_nid(ssl_.get(), &signature) == 1;
    target_ = proved_;
  }
  proved_.reset();
  if (!target_ || target_->verified != expectation_.verify) {
    return make_error("tls_untrusted",
                      fmt::format("the handshake with {} ended without a verified certificate", target()));
  }
  fill_facts();
  facts_.resumed = resumed;
  if (const auto now = client_->now(); now < target_->valid_from || now >= target_->valid_until) {
    return make_error("tls_expired",
                      fmt::format("the certificate of {} expired while its session was resumed", target()));
  }
  if (!requirement_.require_client_certificate_request || target_->client_certificate_sent) return {};
  if (!certificate_requested_) {
    return make_error(
        "tls_client_certificate_not_requested",
        fmt::format("{} did not ask for a client certificate, which mutual TLS demands; let the target "
                    "require one",
                    target()));
  }
  return make_error(
      "tls_client_certificate_refused",
      fmt::format("{} asked for a client certificate, but takes no signature of the workload's key",
                  target()));
}

void TlsStream::fill_facts() {
  facts_.version = SSL_get_version(ssl_.get());
  facts_.cipher = SSL_get_cipher_name(ssl_.get());
  const unsigned char* protocol = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &protocol, &size);
  facts_.application_protocol = as_text(Bytes(protocol, size));
  facts_.verified = target_->verified;
  facts_.client_certificate_sent = target_->client_certificate_sent;
  facts_.peer = target_->certificate;
}

IoResult TlsStream::read(std::span<std::uint8_t> buffer) {
  if (phase_ == Phase::closed) return {IoStatus::closed, 0};
  if (phase_ != Phase::open) return {phase_ == Phase::failed ? IoStatus::failed : IoStatus::want_read, 0};
  if (buffer.empty()) return {IoStatus::ok, 0};
  io_.flush();
  io_.allow_receive(true);
  std::size_t size = 0;
  auto outcome = IoStatus::ok;
  while (size < buffer.size()) {
    std::size_t moved = 0;
    clear_errors();
    const int result = SSL_read_ex(ssl_.get(), buffer.data() + size, buffer.size() - size, &moved);
    if (result != 1) {
      outcome = judge(SSL_get_error(ssl_.get(), result));
      break;
    }
    size += moved;
    // One receive a call: whoever wants more comes again.
    io_.allow_receive(false);
    if (!has_buffered()) break;
  }
  io_.flush();
  if (size > 0) return {IoStatus::ok, size};
  return {outcome, 0};
}

bool TlsStream::has_buffered() const {
  return SSL_pending(ssl_.get()) > 0 || io_.buffered() > 0;
}

IoResult TlsStream::write(Bytes bytes) {
  if (phase_ != Phase::open || write_broken_) return {IoStatus::failed, 0};
  switch (io_.flush()) {
    case SocketIo::Flush::blocked:
      return {IoStatus::want_write, 0};
    case SocketIo::Flush::broken:
      return write_failed();
    case SocketIo::Flush::done:
      break;
  }
  if (unsent_ > 0) return {IoStatus::ok, std::exchange(unsent_, 0)};
  bytes = bytes.first(std::min(bytes.size(), write_limit));
  std::size_t size = 0;
  auto outcome = IoStatus::ok;
  while (size < bytes.size()) {
    std::size_t moved = 0;
    clear_errors();
    io_.allow_receive(true);
    const int result = SSL_write_ex(ssl_.get(), bytes.data() + size, bytes.size() - size, &moved);
    if (result != 1) {
      outcome = judge(SSL_get_error(ssl_.get(), result));
      break;
    }
    size += moved;
  }
  switch (io_.flush()) {
    case SocketIo::Flush::blocked:
      unsent_ = size;
      return {IoStatus::want_write, 0};
    case SocketIo::Flush::broken:
      return write_failed();
    case SocketIo::Flush::done:
      break;
  }
  if (size > 0) return {IoStatus::ok, size};
  return {outcome, 0};
}

void TlsStream::shut_down() {
  if (phase_ != Phase::open || write_broken_) return;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
  io_.flush();
  phase_ = Phase::closed;
}

}  // namespace callgate::transport
