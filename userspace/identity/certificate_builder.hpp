// The two kinds of certificates that the embedded authority makes.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "identity/openssl.hpp"
#include "identity/spiffe_id.hpp"

namespace callgate::identity {

// Seconds since 1970.
struct Period {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

[[nodiscard]] Result<KeyPtr> make_key();
[[nodiscard]] Result<CertificatePtr> make_root(EVP_PKEY* key, const SpiffeId& trust_domain, Period period);
// An X.509-SVID of `id` for `subject_key`, signed by the root.
[[nodiscard]] Result<CertificatePtr> make_leaf(EVP_PKEY* subject_key, const SpiffeId& id, Period period,
                                               X509* root, EVP_PKEY* root_key);
[[nodiscard]] Result<std::string> to_pem(X509* certificate);
// PKCS #8, unencrypted.
[[nodiscard]] Result<std::string> to_pem(EVP_PKEY* key);

}  // namespace callgate::identity
