#include "identity/certificate_builder.hpp"

#include <ctime>

#include <fmt/format.h>
#include <openssl/ec.h>
#include <openssl/rand.h>

namespace callgate::identity {
namespace {

using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Release<X509_EXTENSION_free>>;

Error failed(const char* what) {
  return make_error("authority_failed", fmt::format("OpenSSL could not {}: {}", what, take_openssl_error()));
}

bool add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

// 127 random bits: positive, and within the 20 bytes of RFC 5280, section 4.1.2.2.
bool set_random_serial(X509* certificate) {
  unsigned char bytes[16];
  if (RAND_bytes(bytes, sizeof(bytes)) != 1) return false;
  bytes[0] = static_cast<unsigned char>((bytes[0] & 0x7fU) | 0x40U);
  const std::unique_ptr<BIGNUM, Release<BN_free>> number(BN_bin2bn(bytes, sizeof(bytes), nullptr));
  return number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool add_name(X509_NAME* name, const char* field, std::string_view value) {
  const auto bytes = as_bytes(value);
  return X509_NAME_add_entry_by_txt(name, field, MBSTRING_ASC, bytes.data(), static_cast<int>(bytes.size()),
                                    -1, 0) == 1;
}

bool set_period(X509* certificate, Period period) {
  return ASN1_TIME_set(X509_getm_notBefore(certificate), static_cast<std::time_t>(period.begin)) != nullptr &&
         ASN1_TIME_set(X509_getm_notAfter(certificate), static_cast<std::time_t>(period.end)) != nullptr;
}

CertificatePtr begin_certificate(EVP_PKEY* key, Period period) {
  CertificatePtr certificate(X509_new());
  if (!certificate || X509_set_version(certificate.get(), X509_VERSION_3) != 1 ||
      !set_random_serial(certificate.get()) || !set_period(certificate.get(), period) ||
      X509_set_pubkey(certificate.get(), key) != 1 ||
      !add_name(X509_get_subject_name(certificate.get()), "O", "callgate")) {
    return nullptr;
  }
  return certificate;
}

}  // namespace

Result<KeyPtr> make_key() {
  KeyPtr key(EVP_EC_gen("P-256"));
  if (!key) return failed("make a key");
  return key;
}

Result<CertificatePtr> make_root(EVP_PKEY* key, const SpiffeId& trust_domain, Period period) {
  auto certificate = begin_certificate(key, period);
  if (!certificate) return failed("make a root certificate");
  X509* const root = certificate.get();
  X509_NAME* const name = X509_get_subject_name(root);
  // RFC 5280 ends common names at 64 bytes; the whole trust domain is in the URI name.
  const bool done = add_name(name, "CN", trust_domain.trust_domain().substr(0, 64)) &&
                    X509_set_issuer_name(root, name) == 1 &&
                    add_extension(root, root, NID_basic_constraints, "critical,CA:TRUE") &&
                    add_extension(root, root, NID_key_usage, "critical,keyCertSign,cRLSign") &&
                    add_extension(root, root, NID_subject_key_identifier, "hash") &&
                    add_extension(root, root, NID_subject_alt_name, "URI:" + trust_domain.text()) &&
                    X509_sign(root, key, EVP_sha256()) > 0;
  if (!done) return failed("make a root certificate");
  return certificate;
}

Result<CertificatePtr> make_leaf(EVP_PKEY* subject_key, const SpiffeId& id, Period period, X509* root,
                                 EVP_PKEY* root_key) {
  auto certificate = begin_certificate(subject_key, period);
  if (!certificate) return failed("make a certificate");
  X509* const leaf = certificate.get();
  const bool done = X509_set_issuer_name(leaf, X509_get_subject_name(root)) == 1 &&
                    add_extension(leaf, root, NID_basic_constraints, "critical,CA:FALSE") &&
                    add_extension(leaf, root, NID_key_usage, "critical,digitalSignature") &&
                    add_extension(leaf, root, NID_ext_key_usage, "serverAuth,clientAuth") &&
                    add_extension(leaf, root, NID_subject_key_identifier, "hash") &&
                    add_extension(leaf, root, NID_authority_key_identifier, "keyid:always") &&
                    add_extension(leaf, root, NID_subject_alt_name, "URI:" + id.text()) &&
                    X509_sign(leaf, root_key, EVP_sha256()) > 0;
  if (!done) return failed("make a certificate");
  return certificate;
}

Result<std::string> to_pem(X509* certificate) {
  const BioPtr memory(BIO_new(BIO_s_mem()));
  if (!memory || PEM_write_bio_X509(memory.get(), certificate) != 1) return failed("write a certificate");
  return bio_text(memory.get());
}

Result<std::string> to_pem(EVP_PKEY* key) {
  const BioPtr memory(BIO_new(BIO_s_secmem()));
  if (!memory ||
      PEM_write_bio_PKCS8PrivateKey(memory.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return failed("write a key");
  }
  return bio_text(memory.get());
}

}  // namespace callgate::identity
