#include "tlog/key.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "tlog/base64.hpp"
#include "tlog/hash.hpp"
#include "tlog/key_pair.hpp"
#include "tlog/utf8.hpp"

namespace callgate::tlog {
namespace {

constexpr char ed25519 = 1;  // of the types of signatures
constexpr std::size_t longest_name = 255;

std::uint32_t key_id(std::string_view name, const PublicKey& key) {
  std::string text(name);
  text += '\n';
  text += ed25519;
  text += as_text(key);
  const Hash hash = sha256(as_bytes(text));
  return std::uint32_t{hash[0]} << 24U | std::uint32_t{hash[1]} << 16U | std::uint32_t{hash[2]} << 8U |
         hash[3];
}

Error bad_key(std::string_view why) {
  return make_error("bad_key", fmt::format("the text is no verifier key (name+id+base64): {}", why));
}

}  // namespace

bool is_key_name(std::string_view name) {
  if (name.empty() || name.size() > longest_name) return false;
  while (!name.empty()) {
    const auto character = take_character(name);
    if (!character || *character < 0x20 || *character == '+' || is_space(*character)) return false;
  }
  return true;
}

VerifierKey::VerifierKey(std::string name, const PublicKey& key)
    : name_(std::move(name)), key_(key), id_(key_id(name_, key_)) {}

Result<VerifierKey> VerifierKey::parse(std::string_view text) {
  const auto name_end = text.find('+');
  if (name_end == std::string_view::npos) return bad_key("it has no `+` behind a name");
  const auto name = text.substr(0, name_end);
  if (!is_key_name(name)) return bad_key("its name is empty, too long or not UTF-8, or holds a space");
  const auto id = text.substr(name_end + 1, 8);
  const auto rest = text.substr(name_end + 1 + id.size());
  if (id.size() != 8 || id.find_first_not_of("0123456789abcdef") != std::string_view::npos || rest.empty() ||
      rest.front() != '+') {
    return bad_key("its id is not 8 hexadecimal digits in lower case");
  }
  const auto bytes = from_base64(rest.substr(1));
  PublicKey key;
  if (!bytes || bytes->size() != 1 + key.size())
    return bad_key("its last part is not the base64 of 33 bytes");
  if (bytes->front() != ed25519) return bad_key("it is of another kind than Ed25519");
  std::copy(bytes->begin() + 1, bytes->end(), key.begin());
  VerifierKey verifier(std::string(name), key);
  if (fmt::format("{:08x}", verifier.id()) != id) return bad_key("its id is not that of its name and key");
  return verifier;
}

std::string VerifierKey::text() const {
  std::string bytes(1, ed25519);
  bytes += as_text(key_);
  return fmt::format("{}+{:08x}+{}", name_, id_, to_base64(as_bytes(bytes)));
}

bool VerifierKey::verify(Bytes message, Bytes signature) const {
  const KeyPair key(::EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key_.data(), key_.size()));
  const DigestContext context(::EVP_MD_CTX_new());
  return key && context && ::EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
         ::EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                            message.size()) == 1;
}

SigningKey::~SigningKey() {
  ::OPENSSL_cleanse(secret_.data(), secret_.size());
}

Result<Signature> SigningKey::sign(Bytes message) const {
  const KeyPair key(
      ::EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, secret_.data(), secret_.size()));
  const DigestContext context(::EVP_MD_CTX_new());
  Signature signature;
  std::size_t size = signature.size();
  if (!key || !context || ::EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) != 1 ||
      ::EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) != 1 ||
      size != signature.size()) {
    return make_error("signing_failed", "OpenSSL could not sign with the log's key");
  }
  return signature;
}

}  // namespace callgate::tlog
