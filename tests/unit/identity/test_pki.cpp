#include "test_pki.hpp"

#include <stdexcept>

#include <openssl/rand.h>

namespace callgate::test {
namespace {

void require(bool done, const char* what) {
  if (!done) throw std::runtime_error(std::string(what) + ": " + identity::take_openssl_error());
}

std::string pem_of(const auto& write) {
  const identity::BioPtr memory(BIO_new(BIO_s_mem()));
  require(write(memory.get()) == 1, "PEM");
  return identity::bio_text(memory.get());
}

}  // namespace

std::string Issued::pem() const {
  return pem_of([this](BIO* out) { return PEM_write_bio_X509(out, certificate.get()); });
}

std::string Issued::key_pem() const {
  return pem_of([this](BIO* out) {
    return PEM_write_bio_PKCS8PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
}

std::string Issued::der() const {
  unsigned char* bytes = nullptr;
  const int size = i2d_X509(certificate.get(), &bytes);
  require(size > 0, "DER");
  std::string result(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  OPENSSL_free(bytes);
  return result;
}

Issued issue(const CertificateShape& shape, const Issued* issuer) {
  Issued result{identity::CertificatePtr(X509_new()),
                identity::KeyPtr(shape.rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256"))};
  X509* const certificate = result.certificate.get();
  require(result.key != nullptr, "key");
  X509_set_version(certificate, X509_VERSION_3);
  std::uint32_t serial = 0;
  require(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof(serial)) == 1, "random");
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate), shape.begins_in);
  X509_gmtime_adj(X509_getm_notAfter(certificate), shape.ends_in);
  X509_set_pubkey(certificate, result.key.get());
  if (!shape.common_name.empty()) {
    const auto text = as_bytes(shape.common_name);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8, text.data(),
                               static_cast<int>(text.size()), -1, 0);
  }
  X509* const signer = issuer != nullptr ? issuer->certificate.get() : certificate;
  X509_set_issuer_name(certificate, X509_get_subject_name(signer));
  for (const auto& [nid, value] : shape.extensions) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, signer, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
    require(extension != nullptr, value.c_str());
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
  }
  EVP_PKEY* const key = issuer != nullptr ? issuer->key.get() : result.key.get();
  require(X509_sign(certificate, key, EVP_sha256()) > 0, "sign");
  return result;
}

CertificateShape authority_shape(const std::string& name) {
  CertificateShape shape;
  shape.common_name = name;
  return shape.with(NID_basic_constraints, "critical,CA:TRUE")
      .with(NID_key_usage, "critical,keyCertSign,cRLSign")
      .with(NID_subject_key_identifier, "hash");
}

CertificateShape server_shape(const std::string& alternative_names) {
  CertificateShape shape;
  shape.common_name = "server";
  shape.with(NID_basic_constraints, "critical,CA:FALSE").with(NID_key_usage, "critical,digitalSignature");
  if (!alternative_names.empty()) shape.with(NID_subject_alt_name, alternative_names);
  return shape;
}

CertificateShape svid_base() {
  CertificateShape shape;
  shape.common_name = "workload";
  return shape.with(NID_basic_constraints, "critical,CA:FALSE")
      .with(NID_key_usage, "critical,digitalSignature")
      .with(NID_ext_key_usage, "serverAuth,clientAuth");
}

CertificateShape svid_shape(const std::string& id) {
  return svid_base().with(NID_subject_alt_name, "URI:" + id);
}

}  // namespace callgate::test
