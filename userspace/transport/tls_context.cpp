#include "transport/tls_context.hpp"

#include <fmt/format.h>
#include <openssl/err.h>

#include "transport/tls_stream.hpp"
#include "transport/trust_store.hpp"

namespace callgate::transport {
namespace {

// AES-128-GCM first: the fastest with the processor's AES instructions, and as strong as P-256 certificates
// need.
constexpr const char* tls13_suites =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr const char* tls12_suites =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

}  // namespace

Result<std::shared_ptr<TlsClient>> TlsClient::make(const ClientIdentity& identity,
                                                   const TrustAnchors& anchors, Clock clock) {
  auto context = TlsContext::make(identity, anchors, clock);
  if (!context) return context.error();
  return std::shared_ptr<TlsClient>(std::move(*context));
}

Result<std::shared_ptr<TlsContext>> TlsContext::make(const ClientIdentity& identity,
                                                     const TrustAnchors& anchors, Clock clock) {
  const std::shared_ptr<TlsContext> result(new TlsContext);
  result->clock_ = clock;
  result->trust_domain_ = anchors.trust_domain;
  auto system = trust_store(AnchorKind::system, anchors.system_pem);
  if (!system) return system.error();
  result->system_ = std::move(*system);
  auto bundle = trust_store(AnchorKind::bundle, anchors.bundle_pem);
  if (!bundle) return bundle.error();
  result->bundle_ = std::move(*bundle);
  CALLGATE_TRY(result->configure());
  CALLGATE_TRY(result->use_identity(identity));
  return result;
}

Result<void> TlsContext::configure() {
  ERR_clear_error();
  context_.reset(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* const context = context_.get();
  if (context == nullptr) {
    return make_error("tls_failed",
                      fmt::format("OpenSSL made no context: {}", identity::take_openssl_error()));
  }
  SSL_CTX_set_security_level(context, 2);
  if (SSL_CTX_set_ciphersuites(context, tls13_suites) != 1 ||
      SSL_CTX_set_cipher_list(context, tls12_suites) != 1 ||
      SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) != 1) {
    return make_error("tls_failed",
                      fmt::format("OpenSSL refuses the cipher suites: {}", identity::take_openssl_error()));
  }
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // NO_AUTO_CHAIN: otherwise OpenSSL would search the anchors for our own issuers in every handshake.
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  TlsStream::install_callbacks(context);
  return {};
}

Result<void> TlsContext::use_identity(const ClientIdentity& identity) {
  if (identity.certificate_chain_pem.empty()) return {};
  auto chain = identity::read_certificates(identity.certificate_chain_pem);
  if (!chain) return chain.error();
  if (chain->empty()) return make_error("bad_identity", "the workload's certificate chain is empty");
  const auto key = identity::read_private_key(identity.private_key_pem);
  if (!key) return key.error();
  ERR_clear_error();
  bool usable = X509_check_private_key(chain->front().get(), key->get()) == 1 &&
                SSL_CTX_use_certificate(context_.get(), chain->front().get()) == 1 &&
                SSL_CTX_use_PrivateKey(context_.get(), key->get()) == 1;
  for (std::size_t i = 1; usable && i < chain->size(); ++i) {
    usable = SSL_CTX_add1_chain_cert(context_.get(), (*chain)[i].get()) == 1;
  }
  if (!usable) {
    return make_error("bad_identity",
                      fmt::format("the certificate and the key of {} cannot be used together: {}",
                                  identity.spiffe_id, identity::take_openssl_error()));
  }
  has_identity_ = true;
  return {};
}

}  // namespace callgate::transport
