#include "test_server.hpp"

#include <algorithm>
#include <stdexcept>

#include <openssl/err.h>
#include <sys/socket.h>

namespace callgate::test {
namespace {

void require(bool done, const char* what) {
  if (!done) throw std::runtime_error(std::string(what) + ": " + identity::take_openssl_error());
}

}  // namespace

identity::SslContextPtr make_server_context(const Issued& identity, const ServerOptions& options) {
  identity::SslContextPtr context(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* const raw = context.get();
  require(SSL_CTX_use_certificate(raw, identity.certificate.get()) == 1, "certificate");
  require(SSL_CTX_use_PrivateKey(raw, identity.key.get()) == 1, "key");
  const auto chain = identity::read_certificates(options.chain_pem).value();
  for (const auto& certificate : chain)
    SSL_CTX_add1_chain_cert(raw, certificate.get());
  require(SSL_CTX_set_min_proto_version(raw, options.minimum_version) == 1, "version");
  require(SSL_CTX_set_max_proto_version(raw, options.maximum_version) == 1, "version");
  SSL_CTX_set_mode(raw, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_id_context(raw, reinterpret_cast<const unsigned char*>("test"), 4);
  if (options.ask_client_certificate) {
    const int insist = options.insist_on_client_certificate ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
    SSL_CTX_set_verify(raw, SSL_VERIFY_PEER | insist, nullptr);
    const auto authorities = identity::read_certificates(options.client_authority_pem).value();
    for (const auto& authority : authorities)
      X509_STORE_add_cert(SSL_CTX_get_cert_store(raw), authority.get());
  }
  if (!options.client_signature_algorithms.empty()) {
    require(SSL_CTX_set1_sigalgs_list(raw, options.client_signature_algorithms.c_str()) == 1,
            "signature algorithms");
  }
  if (!options.application_protocol.empty()) {
    static thread_local std::string selected;
    selected = options.application_protocol;
    SSL_CTX_set_alpn_select_cb(
        raw,
        [](SSL*, const unsigned char** out, unsigned char* size, const unsigned char*, unsigned, void* arg) {
          const auto& protocol = *static_cast<std::string*>(arg);
          *out = as_bytes(protocol).data();
          *size = static_cast<unsigned char>(protocol.size());
          return SSL_TLSEXT_ERR_OK;
        },
        &selected);
  }
  return context;
}

TestServer::TestServer(SSL_CTX* context, Fd socket) : socket_(std::move(socket)), ssl_(SSL_new(context)) {
  SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  SSL_set_accept_state(ssl_.get());
}

bool TestServer::receive() {
  char buffer[16384];
  const ssize_t size = ::recv(socket_.get(), buffer, sizeof(buffer), 0);
  if (size <= 0) return false;
  BIO_write(SSL_get_rbio(ssl_.get()), buffer, static_cast<int>(size));
  return true;
}

bool TestServer::advance() {
  if (failed_) return false;
  ERR_clear_error();
  int result = 0;
  bool moved = false;
  if (!established_) {
    result = SSL_accept(ssl_.get());
    established_ = moved = result == 1;
  }
  while (established_ && !to_encrypt_.empty()) {
    const int size = SSL_write(ssl_.get(), to_encrypt_.data(),
                               static_cast<int>(std::min<std::size_t>(to_encrypt_.size(), 16384)));
    if (size <= 0) break;
    to_encrypt_.erase(0, static_cast<std::size_t>(size));
    moved = true;
  }
  char buffer[16384];
  while (established_ && (result = SSL_read(ssl_.get(), buffer, sizeof(buffer))) > 0) {
    received_.append(buffer, static_cast<std::size_t>(result));
    moved = true;
  }
  const int error = SSL_get_error(ssl_.get(), result);
  if (error == SSL_ERROR_ZERO_RETURN) saw_close_notify_ = true;
  if (error == SSL_ERROR_SSL) failed_ = true;
  ERR_clear_error();
  return moved;
}

bool TestServer::transmit(std::size_t& allowance) {
  char buffer[16384];
  int size = 0;
  while ((size = BIO_read(SSL_get_wbio(ssl_.get()), buffer, sizeof(buffer))) > 0) {
    encrypted_.append(buffer, static_cast<std::size_t>(size));
  }
  const auto count = std::min(encrypted_.size(), allowance);
  if (count == 0) return false;
  const ssize_t sent = ::send(socket_.get(), encrypted_.data(), count, MSG_NOSIGNAL);
  if (sent <= 0) return false;
  encrypted_.erase(0, static_cast<std::size_t>(sent));
  allowance -= static_cast<std::size_t>(sent);
  return true;
}

void TestServer::pump(std::size_t chunk) {
  std::size_t allowance = chunk == 0 ? SIZE_MAX : chunk;
  bool moved = true;
  while (moved) {
    moved = receive();
    moved = advance() || moved;
    moved = transmit(allowance) || moved;
  }
}

bool TestServer::has_output() const {
  return !to_encrypt_.empty() || !encrypted_.empty() || BIO_pending(SSL_get_wbio(ssl_.get())) > 0;
}

void TestServer::send(std::string_view plaintext) {
  to_encrypt_.append(plaintext);
}

void TestServer::close_with_notify() {
  pump();
  SSL_shutdown(ssl_.get());
  close_bare();
}

void TestServer::close_bare() {
  pump();
  ::shutdown(socket_.get(), SHUT_WR);
}

SocketPair make_socket_pair(int buffer) {
  int fds[2] = {-1, -1};
  require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0, "socketpair");
  for (const int fd : fds) {
    if (buffer == 0) continue;
    ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
    ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
  }
  return {Fd(fds[0]), Fd(fds[1])};
}

}  // namespace callgate::test
