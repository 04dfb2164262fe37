// Certificates of every shape, good and bad, for tests.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "identity/openssl.hpp"

namespace callgate::test {

struct CertificateShape {
  std::string common_name;  // empty: the subject is empty
  // In OpenSSL's configuration syntax, such as {NID_subject_alt_name, "DNS:a.example"}.
  std::vector<std::pair<int, std::string>> extensions;
  std::int64_t begins_in = -3600;  // seconds from now
  std::int64_t ends_in = 3600;
  bool rsa = false;  // else P-256

  CertificateShape& with(int nid, std::string value) {
    extensions.emplace_back(nid, std::move(value));
    return *this;
  }
};

struct Issued {
  identity::CertificatePtr certificate;
  identity::KeyPtr key;

  [[nodiscard]] std::string pem() const;
  [[nodiscard]] std::string key_pem() const;
  [[nodiscard]] std::string der() const;
};

// Signed by `issuer`, or by itself.
[[nodiscard]] Issued issue(const CertificateShape& shape, const Issued* issuer = nullptr);

[[nodiscard]] CertificateShape authority_shape(const std::string& name);
[[nodiscard]] CertificateShape server_shape(const std::string& alternative_names);
// A correct X.509-SVID without its name.
[[nodiscard]] CertificateShape svid_base();
[[nodiscard]] CertificateShape svid_shape(const std::string& id);

}  // namespace callgate::test
