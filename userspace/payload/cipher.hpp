// Keys, and what is done with them: wrapping a session's key, encrypting and decrypting a block.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "payload/format.hpp"

namespace callgate::payload {

// 256 bits that are overwritten when they go.
class Key {
 public:
  Key() = default;
  // `bytes` are key_size of them.
  explicit Key(Bytes bytes);
  Key(const Key&) = default;
  Key& operator=(const Key&) = default;
  ~Key();

  // A new random one; error no_random_bytes.
  [[nodiscard]] static Result<Key> random();
  [[nodiscard]] const std::uint8_t* data() const { return bytes_.data(); }
  [[nodiscard]] std::span<std::uint8_t, key_size> writable() { return bytes_; }
  [[nodiscard]] KeyId id() const;

 private:
  std::array<std::uint8_t, key_size> bytes_{};
};

using WrappedKey = std::array<std::uint8_t, wrapped_size>;

// AES key wrap (RFC 3394). Error encryption_failed, which is OpenSSL's fault.
[[nodiscard]] Result<WrappedKey> wrap(const Key& wrapping, const Key& key);
// Error payload_damaged if `wrapped` was changed, or was wrapped by another key.
[[nodiscard]] Result<Key> unwrap(const Key& wrapping, const WrappedKey& wrapped);

// What a block is bound to besides its header.
struct BlockPlace {
  std::uint64_t pointer = 0;
  Id session;
};

// AES-256-GCM over blocks, one at a time; each thread has its own. Encrypting is on the way of every call,
// and uses the widest instructions that the CPU has (libipsec_mb); decrypting uses OpenSSL, so what one of
// them gets wrong the other one finds.
class BlockEncryptor {
 public:
  BlockEncryptor();
  ~BlockEncryptor();
  BlockEncryptor(const BlockEncryptor&) = delete;
  BlockEncryptor& operator=(const BlockEncryptor&) = delete;

  // Encrypts `parts` one after the other to `to`, which has room for them and the tag behind them. Another
  // process may change them meanwhile: then what is encrypted is one or the other. Error encryption_failed.
  [[nodiscard]] Result<void> encrypt(const Key& key, const BlockHeader& header, const BlockPlace& place,
                                     std::span<const Bytes> parts, std::uint8_t* to);

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

class BlockDecryptor {
 public:
  BlockDecryptor();
  ~BlockDecryptor();
  BlockDecryptor(const BlockDecryptor&) = delete;
  BlockDecryptor& operator=(const BlockDecryptor&) = delete;

  // Decrypts in place: `block` is the encrypted bytes and the tag. Error payload_damaged; `block` is zeros
  // then.
  [[nodiscard]] Result<void> decrypt(const Key& key, const BlockHeader& header, const BlockPlace& place,
                                     std::span<std::uint8_t> block);

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace callgate::payload
