// Ownership of OpenSSL's keys. For source files only.
#pragma once

#include <memory>

#include <openssl/bio.h>
#include <openssl/evp.h>

namespace callgate::tlog {

struct FreeKey {
  void operator()(EVP_PKEY* key) const { ::EVP_PKEY_free(key); }
  void operator()(EVP_MD_CTX* context) const { ::EVP_MD_CTX_free(context); }
  void operator()(BIO* bio) const { ::BIO_free_all(bio); }
};

using KeyPair = std::unique_ptr<EVP_PKEY, FreeKey>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, FreeKey>;
using Bio = std::unique_ptr<BIO, FreeKey>;

}  // namespace callgate::tlog
