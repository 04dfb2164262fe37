#include "node/certificate_facts.hpp"

#include <array>

#include "base/bytes.hpp"
#include "identity/openssl.hpp"

namespace callgate::node {
namespace {

constexpr std::uint64_t nanoseconds_per_second = 1'000'000'000U;

std::string serial_of(const X509* certificate) {
  std::array<std::uint8_t, 64> bytes{};
  const ASN1_INTEGER* const serial = X509_get0_serialNumber(certificate);
  const int size = ASN1_STRING_length(serial);
  if (size <= 0 || static_cast<std::size_t>(size) > bytes.size()) return {};
  return to_hex({ASN1_STRING_get0_data(serial), static_cast<std::size_t>(size)});
}

}  // namespace

Result<CertificateFacts> describe_certificate(std::string_view pem) {
  const auto certificates = identity::read_certificates(pem);
  if (!certificates) return certificates.error();
  if (certificates->empty()) return make_error("bad_certificate", "there is no certificate");
  const X509* const certificate = certificates->front().get();
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest{};
  unsigned int digest_size = 0;
  if (X509_digest(certificate, EVP_sha256(), digest.data(), &digest_size) != 1) {
    return make_error("bad_certificate", "the certificate's digest cannot be computed");
  }
  CertificateFacts facts;
  facts.subject = identity::format_name(X509_get_subject_name(certificate));
  facts.serial = serial_of(certificate);
  facts.sha256 = to_hex({digest.data(), digest_size});
  facts.not_before_ns = identity::to_seconds(X509_get0_notBefore(certificate)) * nanoseconds_per_second;
  facts.not_after_ns = identity::to_seconds(X509_get0_notAfter(certificate)) * nanoseconds_per_second;
  return facts;
}

}  // namespace callgate::node
