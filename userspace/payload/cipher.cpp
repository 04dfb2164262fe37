#include "payload/cipher.hpp"

#include <cstring>

#define NO_COMPAT_IMB_API_053  // its old names collide with those of OpenSSL
#include <fmt/format.h>
#include <intel-ipsec-mb.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

namespace callgate::payload {
namespace {

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using ContextPtr = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

// Looking an algorithm up costs as much as encrypting a small block: it is done once.
const EVP_CIPHER* gcm() {
  static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  return cipher;
}

const EVP_CIPHER* key_wrap() {
  static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-WRAP", nullptr);
  return cipher;
}

Error encryption_failed() {
  ERR_clear_error();
  return make_error("encryption_failed", "OpenSSL cannot encrypt payload: see whether memory is short");
}

// The key wrap of `from`, or its inverse; false where it fails or does not verify.
bool run_key_wrap(bool wrapping, const Key& with, Bytes from, std::span<std::uint8_t> to) {
  const ContextPtr context(EVP_CIPHER_CTX_new());
  if (!context) return false;
  EVP_CIPHER_CTX_set_flags(context.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
  // OpenSSL may write up to a block more than the result has.
  std::array<std::uint8_t, wrapped_size + 16> result{};
  int size = 0;
  int rest = 0;
  const bool done =
      EVP_CipherInit_ex2(context.get(), key_wrap(), with.data(), nullptr, wrapping ? 1 : 0, nullptr) == 1 &&
      EVP_CipherUpdate(context.get(), result.data(), &size, from.data(), static_cast<int>(from.size())) ==
          1 &&
      EVP_CipherFinal_ex(context.get(), result.data() + size, &rest) == 1 &&
      static_cast<std::size_t>(size) + static_cast<std::size_t>(rest) == to.size();
  if (done) std::memcpy(to.data(), result.data(), to.size());
  OPENSSL_cleanse(result.data(), result.size());
  return done;
}

}  // namespace

Key::Key(Bytes bytes) {
  std::memcpy(bytes_.data(), bytes.data(), bytes_.size());
}

Key::~Key() {
  OPENSSL_cleanse(bytes_.data(), bytes_.size());
}

Result<Key> Key::random() {
  Key key;
  if (RAND_priv_bytes(key.bytes_.data(), static_cast<int>(key.bytes_.size())) != 1) {
    return make_error("no_random_bytes", "OpenSSL has no random bytes for a key");
  }
  return key;
}

KeyId Key::id() const {
  std::array<std::uint8_t, SHA256_DIGEST_LENGTH> digest{};
  SHA256(bytes_.data(), bytes_.size(), digest.data());
  KeyId id{};
  std::memcpy(id.data(), digest.data(), id.size());
  return id;
}

Result<WrappedKey> wrap(const Key& wrapping, const Key& key) {
  WrappedKey wrapped{};
  if (!run_key_wrap(true, wrapping, Bytes(key.data(), key_size), wrapped)) return encryption_failed();
  return wrapped;
}

Result<Key> unwrap(const Key& wrapping, const WrappedKey& wrapped) {
  Key key;
  if (!run_key_wrap(false, wrapping, wrapped, key.writable())) {
    ERR_clear_error();
    return make_error("payload_damaged", "the key of a session does not verify");
  }
  return key;
}

namespace {

using Nonce = std::array<std::uint8_t, 12>;
using Bound = std::array<std::uint8_t, sizeof(BlockHeader) + sizeof(std::uint64_t) + sizeof(Id)>;

Nonce nonce_of(const BlockPlace& place) {
  Nonce nonce{};
  std::memcpy(nonce.data(), &place.pointer, sizeof(place.pointer));
  return nonce;
}

// What is authenticated with a block.
Bound bound_to(const BlockHeader& header, const BlockPlace& place) {
  Bound bound{};
  std::memcpy(bound.data(), &header, sizeof(header));
  std::memcpy(bound.data() + sizeof(header), &place.pointer, sizeof(place.pointer));
  std::memcpy(bound.data() + sizeof(header) + sizeof(place.pointer), &place.session, sizeof(Id));
  return bound;
}

struct FreeManager {
  void operator()(IMB_MGR* manager) const { free_mb_mgr(manager); }
};

// Looks at the CPU, and takes the fastest code that it can run.
std::unique_ptr<IMB_MGR, FreeManager> make_manager() {
  std::unique_ptr<IMB_MGR, FreeManager> manager(alloc_mb_mgr(0));
  if (!manager) return nullptr;
  init_mb_mgr_auto(manager.get(), nullptr);
  return imb_get_errno(manager.get()) == 0 ? std::move(manager) : nullptr;
}

}  // namespace

struct BlockEncryptor::Context {
  ~Context() { OPENSSL_cleanse(&key, sizeof(key)); }

  std::unique_ptr<IMB_MGR, FreeManager> manager = make_manager();
  alignas(64) gcm_key_data key{};  // of what its code expects the header says nothing here
};

BlockEncryptor::BlockEncryptor() : context_(std::make_unique<Context>()) {}
BlockEncryptor::~BlockEncryptor() = default;

Result<void> BlockEncryptor::encrypt(const Key& key, const BlockHeader& header, const BlockPlace& place,
                                     std::span<const Bytes> parts, std::uint8_t* to) {
  IMB_MGR* const manager = context_->manager.get();
  if (manager == nullptr)
    return make_error("encryption_failed", "this CPU cannot encrypt payload with AES-GCM");
  const Nonce nonce = nonce_of(place);
  const Bound bound = bound_to(header, place);
  alignas(64) gcm_context_data state{};
  IMB_AES256_GCM_PRE(manager, key.data(), &context_->key);
  IMB_AES256_GCM_INIT(manager, &context_->key, &state, nonce.data(), bound.data(), bound.size());
  for (const Bytes part : parts) {
    IMB_AES256_GCM_ENC_UPDATE(manager, &context_->key, &state, to, part.data(), part.size());
    to += part.size();
  }
  IMB_AES256_GCM_ENC_FINALIZE(manager, &context_->key, &state, to, tag_size);
  if (imb_get_errno(manager) == 0) return {};
  return make_error("encryption_failed", fmt::format("a block of payload cannot be encrypted: {}",
                                                     imb_get_strerror(imb_get_errno(manager))));
}

struct BlockDecryptor::Context {
  ContextPtr evp{EVP_CIPHER_CTX_new()};
};

BlockDecryptor::BlockDecryptor() : context_(std::make_unique<Context>()) {}
BlockDecryptor::~BlockDecryptor() = default;

Result<void> BlockDecryptor::decrypt(const Key& key, const BlockHeader& header, const BlockPlace& place,
                                     std::span<std::uint8_t> block) {
  EVP_CIPHER_CTX* const evp = context_->evp.get();
  const auto bytes = block.first(block.size() - tag_size);
  int size = 0;
  const Nonce nonce = nonce_of(place);
  const Bound bound = bound_to(header, place);
  const bool verified =
      evp != nullptr && EVP_DecryptInit_ex2(evp, gcm(), key.data(), nonce.data(), nullptr) == 1 &&
      EVP_DecryptUpdate(evp, nullptr, &size, bound.data(), static_cast<int>(bound.size())) == 1 &&
      (bytes.empty() ||
       EVP_DecryptUpdate(evp, bytes.data(), &size, bytes.data(), static_cast<int>(bytes.size())) == 1) &&
      EVP_CIPHER_CTX_ctrl(evp, EVP_CTRL_AEAD_SET_TAG, static_cast<int>(tag_size),
                          block.data() + bytes.size()) == 1 &&
      EVP_DecryptFinal_ex(evp, block.data() + bytes.size(), &size) == 1;
  if (verified) return {};
  ERR_clear_error();
  OPENSSL_cleanse(block.data(), block.size());
  return make_error("payload_damaged",
                    "a block of payload does not verify: it was changed after it was written");
}

}  // namespace callgate::payload
