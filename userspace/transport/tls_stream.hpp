// The implementation of TlsConnection: an OpenSSL machine between a SocketIo and its caller.
#pragma once

#include <memory>
#include <optional>

#include "identity/openssl.hpp"
#include "transport/peer_verification.hpp"
#include "transport/session_cache.hpp"
#include "transport/socket_io.hpp"
#include "transport/tls_client.hpp"
#include "transport/tls_context.hpp"

namespace callgate::transport {

class TlsStream final : public TlsConnection {
 public:
  TlsStream(std::shared_ptr<TlsContext> client, Fd socket, const TargetRequirement& requirement,
            Expectation expectation);
  ~TlsStream() override;
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  // Lets OpenSSL ask the streams of `context` about certificates and sessions.
  static void install_callbacks(SSL_CTX* context);
  [[nodiscard]] Result<void> prepare();

  [[nodiscard]] int fd() const override { return io_.fd(); }
  [[nodiscard]] IoStatus handshake() override;
  [[nodiscard]] IoResult read(std::span<std::uint8_t> buffer) override;
  [[nodiscard]] bool has_buffered() const override;
  [[nodiscard]] IoResult write(Bytes bytes) override;
  void shut_down() override;
  [[nodiscard]] const Error& error() const override { return error_; }
  [[nodiscard]] const TlsFacts& facts() const override { return facts_; }

 private:
  enum class Phase : std::uint8_t { handshaking, finishing, open, closed, failed };

  static int on_verify(X509_STORE_CTX* context, void*);
  static int on_certificate_request(SSL* ssl, void*);
  static int on_new_session(SSL* ssl, SSL_SESSION* session);
  static TlsStream& of(const SSL* ssl);

  [[nodiscard]] IoStatus finish_handshake();
  [[nodiscard]] Result<void> check_outcome();
  void fill_facts();
  [[nodiscard]] IoStatus fail(Error error);
  // What a failed call of OpenSSL means; `status` is its SSL_get_error.
  [[nodiscard]] IoStatus judge(int status);
  [[nodiscard]] Error describe_failure();
  [[nodiscard]] Error describe_alert(int alert) const;
  [[nodiscard]] IoResult write_failed();
  [[nodiscard]] std::string target() const;

  std::shared_ptr<TlsContext> client_;  // shared: existing connections outlive a replaced client
  SocketIo io_;
  identity::SslPtr ssl_;  // behind io_: is released before it
  TargetRequirement requirement_;
  Expectation expectation_;
  std::shared_ptr<const ProvedTarget> offered_;  // of the session that was offered for resumption
  std::shared_ptr<ProvedTarget> proved_;         // of this connection's own handshake, while it runs
  std::shared_ptr<const ProvedTarget> target_;   // of whichever counts, once known
  std::optional<Error> verify_error_;
  TlsFacts facts_;
  Error error_;
  std::size_t unsent_ =
      0;  // plaintext bytes that are encrypted, not yet sent and so not yet reported as written
  Phase phase_ = Phase::handshaking;
  bool certificate_requested_ = false;
  bool write_broken_ = false;
};

}  // namespace callgate::transport
