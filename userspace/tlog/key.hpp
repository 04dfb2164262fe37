// Ed25519 keys of a log, as notes are signed and verified with (c2sp.org/signed-note).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace callgate::tlog {

using PublicKey = std::array<std::uint8_t, 32>;
using Signature = std::array<std::uint8_t, 64>;

// Whether a key may have this name: 1 to 255 bytes of UTF-8 without spaces, control characters and '+'.
[[nodiscard]] bool is_key_name(std::string_view name);

// Who is trusted to sign under a name.
class VerifierKey {
 public:
  VerifierKey(std::string name, const PublicKey& key);
  // "name+0123abcd+base64": the id must be that of the name and the key. Error bad_key.
  [[nodiscard]] static Result<VerifierKey> parse(std::string_view text);

  [[nodiscard]] const std::string& name() const { return name_; }
  // The first four bytes of SHA-256(name || '\n' || 1 || key), big-endian.
  [[nodiscard]] std::uint32_t id() const { return id_; }
  [[nodiscard]] const PublicKey& key() const { return key_; }
  [[nodiscard]] std::string text() const;
  [[nodiscard]] bool verify(Bytes message, Bytes signature) const;

  bool operator==(const VerifierKey&) const = default;

 private:
  std::string name_;
  PublicKey key_;
  std::uint32_t id_;
};

// The secret half. Erased from memory when it goes.
class SigningKey {
 public:
  SigningKey(const SigningKey&) = default;
  SigningKey& operator=(const SigningKey&) = default;
  ~SigningKey();

  [[nodiscard]] static Result<SigningKey> generate();
  // An unencrypted PEM (PKCS#8) that only its owner (root, or the user of this process) can read. Errors:
  // bad_key, key_permissions, system errors.
  [[nodiscard]] static Result<SigningKey> load(const std::string& path);
  // The same; where there is no such file it is made, 0600, with a key of its own.
  [[nodiscard]] static Result<SigningKey> load_or_create(const std::string& path);

  [[nodiscard]] const PublicKey& public_key() const { return public_; }
  // Error signing_failed.
  [[nodiscard]] Result<Signature> sign(Bytes message) const;

 private:
  SigningKey() = default;
  std::array<std::uint8_t, 32> secret_{};
  PublicKey public_{};
};

}  // namespace callgate::tlog
