// What OpenSSL asks and reports: certificates to verify, sessions to keep, and failures to name.
#include <cerrno>
#include <system_error>

#include <fmt/format.h>
#include <openssl/err.h>

#include "transport/tls_stream.hpp"

namespace callgate::transport {
namespace {

// Alerts of a target that does not accept the client's certificate (RFC 8446, section 6.2).
bool is_about_client_certificate(int alert) {
  switch (alert) {
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
    case SSL_AD_CERTIFICATE_REQUIRED:
      return true;
    default:
      return false;
  }
}

std::string_view first_line(std::string_view text) {
  return text.substr(0, text.find_first_of("\r\n"));
}

}  // namespace

void TlsStream::install_callbacks(SSL_CTX* context) {
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(context, on_verify, nullptr);
  SSL_CTX_set_cert_cb(context, on_certificate_request, nullptr);
  SSL_CTX_sess_set_new_cb(context, on_new_session);
}

TlsStream& TlsStream::of(const SSL* ssl) {
  return *static_cast<TlsStream*>(SSL_get_app_data(ssl));
}

int TlsStream::on_verify(X509_STORE_CTX* context, void*) {
  const auto* const ssl =
      static_cast<const SSL*>(X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto& self = of(ssl);
  self.proved_ = std::make_shared<ProvedTarget>();
  const auto verified = verify_target(context, self.expectation_, self.client_->now(), *self.proved_);
  self.facts_.peer = self.proved_->certificate;
  if (verified) {
    X509_STORE_CTX_set_error(context, X509_V_OK);
    return 1;
  }
  self.verify_error_ = verified.error();
  return 0;
}

int TlsStream::on_certificate_request(SSL* ssl, void*) {
  of(ssl).certificate_requested_ = true;
  return 1;
}

// TLS 1.2 reports a session at the end of the handshake, before its outcome is judged; TLS 1.3 each time that
// the target sends a ticket, while reading.
int TlsStream::on_new_session(SSL* ssl, SSL_SESSION* session) {
  auto& self = of(ssl);
  if (!self.target_) {
    const auto outcome = self.check_outcome();
    if (!outcome) return 0;
  }
  if (self.phase_ == Phase::failed) return 0;
  self.client_->sessions().put(self.requirement_, {identity::SessionPtr(session), self.target_});
  return 1;  // the reference is ours now
}

std::string TlsStream::target() const {
  if (!expectation_.name.empty()) return expectation_.name;
  return expectation_.spiffe_id ? expectation_.spiffe_id->text() : "the target";
}

IoStatus TlsStream::fail(Error error) {
  error_ = std::move(error);
  phase_ = Phase::failed;
  return IoStatus::failed;
}

IoStatus TlsStream::judge(int status) {
  switch (status) {
    case SSL_ERROR_WANT_READ:
      return IoStatus::want_read;
    case SSL_ERROR_WANT_WRITE:
      return IoStatus::want_write;
    case SSL_ERROR_ZERO_RETURN:
      if (phase_ != Phase::open) {
        return fail(make_error("tls_truncated", fmt::format("{} closed TLS during the handshake", target())));
      }
      phase_ = Phase::closed;
      return IoStatus::closed;
    default:
      return fail(describe_failure());
  }
}

Error TlsStream::describe_failure() {
  const unsigned long code = ERR_peek_error();
  const int reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
  const auto text = identity::take_openssl_error();
  const bool in_handshake = phase_ == Phase::handshaking;
  if (verify_error_) return *verify_error_;
  if (io_.not_tls()) {
    return make_error("tls_not_spoken",
                      fmt::format("{} does not speak TLS on this port; it answered \"{}\"", target(),
                                  identity::printable(first_line(io_.first_bytes()), 60)));
  }
  if (reason >= SSL_AD_REASON_OFFSET) return describe_alert(reason - SSL_AD_REASON_OFFSET);
  const int error_number = io_.receive_error() != 0 ? io_.receive_error() : io_.send_error();
  if (error_number == ECONNRESET || error_number == EPIPE) {
    return make_error("tls_reset", fmt::format("{} reset the connection{}", target(),
                                               in_handshake ? " during the TLS handshake" : ""));
  }
  if (error_number != 0) {
    return make_error("tls_failed", fmt::format("the connection to {} failed: {}", target(),
                                                std::generic_category().message(error_number)));
  }
  if (io_.saw_end()) {
    if (!in_handshake) {
      return make_error("tls_truncated",
                        fmt::format("{} ended the connection without the TLS close message, so bytes may "
                                    "be missing",
                                    target()));
    }
    return make_error(
        "tls_truncated",
        fmt::format("{} ended the connection during the TLS handshake{}", target(),
                    io_.saw_bytes() ? "" : " without a byte; it may not speak TLS on this port"));
  }
  if (reason == SSL_R_UNSUPPORTED_PROTOCOL || reason == SSL_R_WRONG_SSL_VERSION) {
    return make_error("tls_version",
                      fmt::format("{} chose a TLS version below {}", target(),
                                  requirement_.allow_tls12 ? "1.2" : "1.3, and its policy allows no 1.2"));
  }
  return make_error("tls_failed", fmt::format("TLS with {} failed: {}", target(), text));
}

Error TlsStream::describe_alert(int alert) const {
  const std::string name = SSL_alert_desc_string_long(alert);
  if (alert == SSL_AD_PROTOCOL_VERSION) {
    return make_error(
        "tls_version",
        fmt::format("{} speaks no TLS {}{}", target(), requirement_.allow_tls12 ? "1.2 or newer" : "1.3",
                    requirement_.allow_tls12 ? "" : ", and its policy allows no 1.2"));
  }
  const bool nothing_to_present = !client_->has_identity() && alert == SSL_AD_HANDSHAKE_FAILURE;
  const bool concerned = certificate_requested_ || (target_ && target_->client_certificate_sent);
  if (concerned && (nothing_to_present || is_about_client_certificate(alert))) {
    const char* const what =
        client_->has_identity() ? "the workload's client certificate" : "a call without a client certificate";
    return make_error(
        "tls_client_certificate_refused",
        fmt::format("{} refused {} (alert: {}); does it trust the bundle of trust domain {}?", target(), what,
                    name, client_->trust_domain().empty() ? "(none)" : client_->trust_domain()));
  }
  return make_error("tls_failed", fmt::format("{} ended TLS with the alert: {}", target(), name));
}

// A target that closes right after it sent an alert makes our next send fail first. Looking for that alert
// turns "reset" into the reason; bytes of an early answer stay for read().
IoResult TlsStream::write_failed() {
  write_broken_ = true;
  std::uint8_t byte = 0;
  std::size_t size = 0;
  io_.allow_receive(true);
  ERR_clear_error();
  const int result = SSL_peek_ex(ssl_.get(), &byte, sizeof(byte), &size);
  if (result == 1) {
    error_ = make_error("tls_reset", fmt::format("{} takes no more bytes", target()));
    return {IoStatus::failed, 0};
  }
  const int status = SSL_get_error(ssl_.get(), result);
  if (status == SSL_ERROR_WANT_READ || status == SSL_ERROR_WANT_WRITE || status == SSL_ERROR_ZERO_RETURN) {
    error_ = make_error("tls_reset",
                        fmt::format("{} closed the connection while bytes were sent to it", target()));
    return {IoStatus::failed, 0};
  }
  return {fail(describe_failure()), 0};
}

}  // namespace callgate::transport
