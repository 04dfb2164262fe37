#include "identity/bundle_format.hpp"

#include <boost/json.hpp>
#include <openssl/core_names.h>

namespace callgate::identity {
namespace {

constexpr int p256_size = 32;  // bytes of a coordinate

std::string base64(Bytes bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3), '\0');
  std::string buffer(text.size() + 1, '\0');  // EVP_EncodeBlock ends with a zero byte
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(buffer.data()), bytes.data(),
                  static_cast<int>(bytes.size()));
  buffer.resize(text.size());
  return buffer;
}

// RFC 7515, section 2: the alphabet for URLs, without padding.
std::string base64url(Bytes bytes) {
  auto text = base64(bytes);
  text.resize(text.find_last_not_of('=') + 1);
  for (char& c : text) {
    if (c == '+') c = '-';
    if (c == '/') c = '_';
  }
  return text;
}

Result<std::string> coordinate(const EVP_PKEY* key, const char* name) {
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &number) != 1) {
    return make_error("authority_failed",
                      "the root's public key has no coordinates: " + take_openssl_error());
  }
  const std::unique_ptr<BIGNUM, Release<BN_free>> owner(number);
  unsigned char bytes[p256_size];
  if (BN_bn2binpad(number, bytes, p256_size) != p256_size) {
    return make_error("authority_failed", "the root's key is not on the curve P-256");
  }
  return base64url(Bytes(bytes, p256_size));
}

}  // namespace

Result<std::string> format_bundle(X509* authority, std::uint64_t sequence,
                                  std::chrono::seconds refresh_hint) {
  const EVP_PKEY* const key = X509_get0_pubkey(authority);
  const auto x = coordinate(key, OSSL_PKEY_PARAM_EC_PUB_X);
  if (!x) return x.error();
  const auto y = coordinate(key, OSSL_PKEY_PARAM_EC_PUB_Y);
  if (!y) return y.error();
  unsigned char* der = nullptr;
  const int size = i2d_X509(authority, &der);
  if (size <= 0) return make_error("authority_failed", "the root cannot be encoded: " + take_openssl_error());
  const auto certificate = base64(Bytes(der, static_cast<std::size_t>(size)));
  OPENSSL_free(der);
  const boost::json::object entry{{"use", "x509-svid"},
                                  {"kty", "EC"},
                                  {"crv", "P-256"},
                                  {"x", *x},
                                  {"y", *y},
                                  {"x5c", boost::json::array{certificate}}};
  const boost::json::object bundle{{"keys", boost::json::array{entry}},
                                   {"spiffe_sequence", sequence},
                                   {"spiffe_refresh_hint", refresh_hint.count()}};
  return boost::json::serialize(bundle);
}

}  // namespace callgate::identity
