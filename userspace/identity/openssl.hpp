// Ownership of OpenSSL's objects, and what OpenSSL has to say about a failure. For source files only: no
// other header of the project includes OpenSSL.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace callgate::identity {

template <auto Free>
struct Release {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};

using BioPtr = std::unique_ptr<BIO, Release<BIO_free_all>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Release<EVP_PKEY_free>>;
using KeyContextPtr = std::unique_ptr<EVP_PKEY_CTX, Release<EVP_PKEY_CTX_free>>;
using CertificatePtr = std::unique_ptr<X509, Release<X509_free>>;
using StorePtr = std::unique_ptr<X509_STORE, Release<X509_STORE_free>>;
using GeneralNamesPtr = std::unique_ptr<GENERAL_NAMES, Release<GENERAL_NAMES_free>>;
using BitStringPtr = std::unique_ptr<ASN1_BIT_STRING, Release<ASN1_BIT_STRING_free>>;
using SslContextPtr = std::unique_ptr<SSL_CTX, Release<SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, Release<SSL_free>>;
using SessionPtr = std::unique_ptr<SSL_SESSION, Release<SSL_SESSION_free>>;

// The reason of the oldest error in this thread's OpenSSL queue; empties the queue.
[[nodiscard]] std::string take_openssl_error();

// All certificates of a PEM text; an empty text has none. Error bad_certificate names the first one that is
// unreadable.
[[nodiscard]] Result<std::vector<CertificatePtr>> read_certificates(std::string_view pem);
// An unencrypted private key; error bad_key.
[[nodiscard]] Result<KeyPtr> read_private_key(std::string_view pem);
// The text that was written to a memory BIO.
[[nodiscard]] std::string bio_text(BIO* memory);

// Seconds since 1970 of a certificate's date; 0 for an unreadable one or one before 1970.
[[nodiscard]] std::uint64_t to_seconds(const ASN1_TIME* time);
// "2026-01-31T23:59:59Z"
[[nodiscard]] std::string format_seconds(std::uint64_t seconds);
// `text` with everything but printable ASCII replaced by '?', cut to `limit` bytes with "..." at the end.
[[nodiscard]] std::string printable(std::string_view text, std::size_t limit);
// RFC 2253 form of a name, printable and at most 512 bytes.
[[nodiscard]] std::string format_name(const X509_NAME* name);

}  // namespace callgate::identity
