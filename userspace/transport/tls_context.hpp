// The implementation of TlsClient: what connections of one workload share.
#pragma once

#include "identity/openssl.hpp"
#include "transport/session_cache.hpp"
#include "transport/tls_client.hpp"

namespace callgate::transport {

class TlsContext final : public TlsClient {
 public:
  [[nodiscard]] static Result<std::shared_ptr<TlsContext>> make(const ClientIdentity& identity,
                                                                const TrustAnchors& anchors, Clock clock);

  [[nodiscard]] SSL_CTX* context() const { return context_.get(); }
  [[nodiscard]] X509_STORE* anchors(bool bundle) const { return (bundle ? bundle_ : system_).get(); }
  [[nodiscard]] const std::string& trust_domain() const { return trust_domain_; }
  [[nodiscard]] bool has_identity() const { return has_identity_; }
  [[nodiscard]] std::uint64_t now() const { return clock_() / 1'000'000'000U; }
  [[nodiscard]] SessionCache& sessions() { return sessions_; }

 private:
  TlsContext() = default;
  Result<void> configure();
  Result<void> use_identity(const ClientIdentity& identity);

  identity::SslContextPtr context_;
  identity::StorePtr system_;
  identity::StorePtr bundle_;
  SessionCache sessions_;
  std::string trust_domain_;
  Clock clock_ = nullptr;
  bool has_identity_ = false;
};

}  // namespace callgate::transport
