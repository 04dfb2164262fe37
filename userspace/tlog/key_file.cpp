#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "base/file.hpp"
#include "tlog/key.hpp"
#include "tlog/key_pair.hpp"

namespace callgate::tlog {
namespace {

constexpr std::size_t file_limit = 16U << 10U;

// Who can read the key can write any history.
Result<void> check_owner(int fd, const std::string& path) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return system_error(fmt::format("look at {}", path), errno);
  if (!S_ISREG(status.st_mode)) {
    return make_error("key_permissions", fmt::format("{} is not a regular file", path));
  }
  if (status.st_uid != 0 && status.st_uid != ::geteuid()) {
    return make_error(
        "key_permissions",
        fmt::format("{} belongs to user {}; the key that signs the audit log must belong to the "
                    "user that runs the agent",
                    path, status.st_uid));
  }
  if ((status.st_mode & 077U) != 0) {
    return make_error(
        "key_permissions",
        fmt::format(
            "{} has mode {:o}, so other users could sign a log of their own; if none of them did, set "
            "it with: chmod 600 {}",
            path, status.st_mode & 07777U, path));
  }
  return {};
}

Result<std::string> read_key_file(const Fd& file, const std::string& path) {
  CALLGATE_TRY(check_owner(file.get(), path));
  std::string pem(file_limit, '\0');
  std::size_t size = 0;
  while (size < pem.size()) {
    const ssize_t got = ::read(file.get(), pem.data() + size, pem.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(fmt::format("read {}", path), errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  pem.resize(size);
  return pem;
}

// Without this OpenSSL would ask for a passphrase on the terminal.
int refuse_passphrase(char*, int, int, void*) {
  return -1;
}

KeyPair parse_pem(std::string_view pem) {
  const Bio source(::BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  KeyPair key(source ? ::PEM_read_bio_PrivateKey(source.get(), nullptr, refuse_passphrase, nullptr)
                     : nullptr);
  ::ERR_clear_error();
  return key && ::EVP_PKEY_get_id(key.get()) == EVP_PKEY_ED25519 ? std::move(key) : nullptr;
}

Result<void> write_key_file(EVP_PKEY* key, const std::string& path) {
  const Bio memory(::BIO_new(::BIO_s_secmem()));
  char* start = nullptr;
  if (!memory ||
      ::PEM_write_bio_PKCS8PrivateKey(memory.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return make_error("signing_failed", "OpenSSL could not write down the log's key");
  }
  const long size = ::BIO_get_mem_data(memory.get(), &start);
  return replace_file(path, {start, static_cast<std::size_t>(size)}, 0600);
}

}  // namespace

Result<SigningKey> SigningKey::generate() {
  SigningKey key;
  std::size_t size = key.public_.size();
  if (::RAND_priv_bytes(key.secret_.data(), static_cast<int>(key.secret_.size())) != 1) {
    return make_error("signing_failed", "OpenSSL has no random bytes for the log's key");
  }
  const KeyPair pair(
      ::EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, key.secret_.data(), key.secret_.size()));
  if (!pair || ::EVP_PKEY_get_raw_public_key(pair.get(), key.public_.data(), &size) != 1) {
    return make_error("signing_failed", "OpenSSL could not make the log's key");
  }
  return key;
}

Result<SigningKey> SigningKey::load(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file) return system_error(fmt::format("open {}", path), errno);
  auto pem = read_key_file(file, path);
  if (!pem) return pem.error();
  const auto pair = parse_pem(*pem);
  ::OPENSSL_cleanse(pem->data(), pem->size());
  SigningKey key;
  std::size_t secret_size = key.secret_.size();
  std::size_t public_size = key.public_.size();
  if (!pair || ::EVP_PKEY_get_raw_private_key(pair.get(), key.secret_.data(), &secret_size) != 1 ||
      ::EVP_PKEY_get_raw_public_key(pair.get(), key.public_.data(), &public_size) != 1) {
    return make_error("bad_key", fmt::format("{} holds no unencrypted Ed25519 key in PEM; restore it from a "
                                             "backup, or move it and the log away to begin anew",
                                             path));
  }
  return key;
}

Result<SigningKey> SigningKey::load_or_create(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) == 0) return load(path);
  if (errno != ENOENT) return system_error(fmt::format("look at {}", path), errno);
  auto key = generate();
  if (!key) return key.error();
  const KeyPair pair(
      ::EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, key->secret_.data(), key->secret_.size()));
  if (!pair) return make_error("signing_failed", "OpenSSL could not make the log's key");
  CALLGATE_TRY(write_key_file(pair.get(), path));
  return key;
}

}  // namespace callgate::tlog
