// A TLS server in the test's own thread, at the other end of a socket pair: it moves only when pump() is
// called, and sends as many bytes at a time as the test wants.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/fd.hpp"
#include "identity/openssl.hpp"
#include "test_pki.hpp"

namespace callgate::test {

struct ServerOptions {
  bool ask_client_certificate = false;
  bool insist_on_client_certificate = false;
  std::string client_authority_pem = {};  // empty: no client certificate is trusted
  int minimum_version = TLS1_3_VERSION;
  int maximum_version = TLS1_3_VERSION;
  std::string chain_pem = {};                    // sent behind the leaf
  std::string client_signature_algorithms = {};  // offered in the request for a certificate
  std::string application_protocol = {};         // selected by ALPN whatever is offered
};

// Shared by the connections of one server: keeps the keys of its tickets.
identity::SslContextPtr make_server_context(const Issued& identity, const ServerOptions& options = {});

class TestServer {
 public:
  TestServer(SSL_CTX* context, Fd socket);

  // Moves bytes until nothing moves any more; at most `chunk` bytes are sent in one call if it is not 0.
  void pump(std::size_t chunk = 0);
  void send(std::string_view plaintext);
  void close_with_notify();
  // A bare FIN, after everything that was written.
  void close_bare();

  [[nodiscard]] bool established() const { return established_; }
  [[nodiscard]] const std::string& received() const { return received_; }
  [[nodiscard]] bool saw_close_notify() const { return saw_close_notify_; }
  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] bool has_output() const;
  [[nodiscard]] SSL* ssl() const { return ssl_.get(); }
  [[nodiscard]] int fd() const { return socket_.get(); }

 private:
  bool receive();
  bool advance();
  bool transmit(std::size_t& allowance);

  Fd socket_;
  identity::SslPtr ssl_;
  std::string to_encrypt_;
  std::string encrypted_;
  std::string received_;
  bool established_ = false;
  bool saw_close_notify_ = false;
  bool failed_ = false;
};

struct SocketPair {
  Fd client;
  Fd server;
};
// Two connected stream sockets, non-blocking; with a small buffer if `buffer` (bytes) is not 0.
SocketPair make_socket_pair(int buffer = 0);

}  // namespace callgate::test
