// Starting an EVP context costs more than an entry costs to hash; hence the low-level functions, which
// OpenSSL 3 keeps but calls deprecated.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "tlog/hash.hpp"

#include <algorithm>

#include <openssl/sha.h>

namespace callgate::tlog {

static_assert(sizeof(Hash) == SHA256_DIGEST_LENGTH);

Hash leaf_hash(Bytes entry) {
  constexpr std::uint8_t leaf_prefix = 0;
  Hash hash;
  SHA256_CTX context;
  ::SHA256_Init(&context);
  ::SHA256_Update(&context, &leaf_prefix, 1);
  ::SHA256_Update(&context, entry.data(), entry.size());
  ::SHA256_Final(hash.data(), &context);
  return hash;
}

Hash node_hash(const Hash& left, const Hash& right) {
  std::array<std::uint8_t, 1 + 2 * sizeof(Hash)> node;
  node[0] = 1;
  std::copy(left.begin(), left.end(), node.begin() + 1);
  std::copy(right.begin(), right.end(), node.begin() + 1 + sizeof(Hash));
  return sha256(node);
}

Hash empty_root() {
  return sha256({});
}

Hash subtree_hash(std::span<const Hash> hashes) {
  if (hashes.size() == 1) return hashes.front();
  std::array<Hash, 128> level;
  std::size_t count = hashes.size() / 2;
  for (std::size_t i = 0; i < count; ++i)
    level[i] = node_hash(hashes[2 * i], hashes[2 * i + 1]);
  for (; count > 1; count /= 2) {
    for (std::size_t i = 0; i < count / 2; ++i)
      level[i] = node_hash(level[2 * i], level[2 * i + 1]);
  }
  return level[0];
}

Hash sha256(Bytes bytes) {
  Hash hash;
  ::SHA256(bytes.data(), bytes.size(), hash.data());
  return hash;
}

}  // namespace callgate::tlog
