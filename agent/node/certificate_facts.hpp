// What people are shown of a certificate.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace callgate::node {

struct CertificateFacts {
  std::string subject;              // RFC 2253
  std::string serial;               // hexadecimal
  std::string sha256;               // of the DER form, hexadecimal
  std::uint64_t not_before_ns = 0;  // since 1970
  std::uint64_t not_after_ns = 0;
};

// Of the first certificate of a PEM text; error bad_certificate.
[[nodiscard]] Result<CertificateFacts> describe_certificate(std::string_view pem);

}  // namespace callgate::node
