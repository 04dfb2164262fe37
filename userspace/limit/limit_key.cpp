#define OPENSSL_SUPPRESS_DEPRECATED  // an EVP context would be an allocation a call
#include "limit/limit_key.hpp"

#include <cstring>

#include <openssl/sha.h>

namespace callgate::limit {

LimitKey LimitKey::of(std::initializer_list<std::string_view> parts) {
  SHA256_CTX context;
  ::SHA256_Init(&context);
  for (const auto part : parts) {
    const std::uint64_t size = part.size();
    ::SHA256_Update(&context, &size, sizeof(size));
    ::SHA256_Update(&context, part.data(), part.size());
  }
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  ::SHA256_Final(digest.data(), &context);
  LimitKey key;
  std::memcpy(key.words.data(), digest.data(), sizeof(key.words));
  return key;
}

}  // namespace callgate::limit
