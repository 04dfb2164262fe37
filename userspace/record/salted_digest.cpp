// EVP contexts can neither be stored nor taken up again, and cost more to start than a small body costs to
// hash; hence the low-level functions, which OpenSSL 3 keeps but calls deprecated.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "record/salted_digest.hpp"

#include <cstring>
#include <stdexcept>

#include <openssl/rand.h>
#include <openssl/sha.h>

namespace callgate::record {
namespace {

SHA256_CTX& context_of(std::array<std::uint8_t, 112>& bytes) {
  return *reinterpret_cast<SHA256_CTX*>(bytes.data());
}

}  // namespace

static_assert(sizeof(SHA256_CTX) == 112 && alignof(SHA256_CTX) <= 8);

Salt SaltSource::next() {
  if (used_ + salt_size > block_.size()) {
    if (::RAND_bytes(block_.data(), static_cast<int>(block_.size())) != 1) {
      throw std::runtime_error("OpenSSL has no random bytes");
    }
    used_ = 0;
  }
  Salt salt{};
  std::memcpy(salt.data(), block_.data() + used_, salt_size);
  used_ += salt_size;
  return salt;
}

void SaltedDigest::start(const Salt& salt) {
  ::SHA256_Init(&context_of(context_));
  ::SHA256_Update(&context_of(context_), salt.data(), salt.size());
  started_ = true;
}

void SaltedDigest::add(Bytes bytes) {
  ::SHA256_Update(&context_of(context_), bytes.data(), bytes.size());
}

std::string SaltedDigest::value() const {
  if (!started_) return {};
  auto copy = context_;
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  ::SHA256_Final(reinterpret_cast<unsigned char*>(digest.data()), &context_of(copy));
  return digest;
}

std::string SaltedDigest::save() const {
  if (!started_) return {};
  return {reinterpret_cast<const char*>(context_.data()), context_.size()};
}

bool SaltedDigest::load(std::string_view state) {
  started_ = !state.empty();
  if (!started_) return true;
  if (state.size() != context_.size()) return false;
  std::memcpy(context_.data(), state.data(), context_.size());
  // What a damaged state must never do is make SHA256_Update write outside of its block.
  const SHA256_CTX& context = context_of(context_);
  return context.num < SHA256_CBLOCK && context.md_len == SHA256_DIGEST_LENGTH;
}

}  // namespace callgate::record
