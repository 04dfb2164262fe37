#include "identity/openssl.hpp"

#include <ctime>

#include <fmt/format.h>
#include <openssl/err.h>

namespace callgate::identity {

std::string take_openssl_error() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "no reason given";
  const char* const reason = ERR_reason_error_string(code);
  return reason != nullptr ? std::string(reason) : fmt::format("error {:#x}", code);
}

Result<std::vector<CertificatePtr>> read_certificates(std::string_view pem) {
  std::vector<CertificatePtr> certificates;
  if (pem.size() > std::size_t{1} << 30U)
    return make_error("bad_certificate", "a bundle is larger than 1 GiB");
  const BioPtr source(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (!source) return make_error("bad_certificate", "out of memory while reading certificates");
  ERR_clear_error();
  for (;;) {
    CertificatePtr certificate(PEM_read_bio_X509(source.get(), nullptr, nullptr, nullptr));
    if (!certificate) break;
    certificates.push_back(std::move(certificate));
  }
  const unsigned long code = ERR_peek_last_error();
  const bool at_end = ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
  const auto reason = take_openssl_error();
  const bool only_spaces = pem.find_first_not_of(" \t\r\n") == std::string_view::npos;
  if (!at_end) {
    return make_error("bad_certificate",
                      fmt::format("certificate number {} of the PEM text is unreadable: {}",
                                  certificates.size() + 1, reason));
  }
  if (certificates.empty() && !only_spaces) {
    return make_error("bad_certificate", "the text holds no PEM certificate (-----BEGIN CERTIFICATE-----)");
  }
  return certificates;
}

namespace {
// Without this OpenSSL would ask for a passphrase on the terminal.
int refuse_passphrase(char*, int, int, void*) {
  return -1;
}
}  // namespace

Result<KeyPtr> read_private_key(std::string_view pem) {
  if (pem.size() > 1U << 20U) return make_error("bad_key", "a private key is larger than 1 MiB");
  const BioPtr source(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (!source) return make_error("bad_key", "out of memory while reading a private key");
  ERR_clear_error();
  KeyPtr key(PEM_read_bio_PrivateKey(source.get(), nullptr, refuse_passphrase, nullptr));
  const auto reason = take_openssl_error();
  if (!key) {
    return make_error("bad_key", fmt::format("the private key is no unencrypted PEM key: {}", reason));
  }
  return key;
}

std::string bio_text(BIO* memory) {
  char* start = nullptr;
  const long size = BIO_get_mem_data(memory, &start);
  return size > 0 ? std::string(start, static_cast<std::size_t>(size)) : std::string();
}

std::uint64_t to_seconds(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return 0;
  const std::time_t seconds = ::timegm(&parts);
  return seconds > 0 ? static_cast<std::uint64_t>(seconds) : 0;
}

std::string format_seconds(std::uint64_t seconds) {
  const auto time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  char text[64];
  if (::gmtime_r(&time, &parts) == nullptr ||
      std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts) == 0) {
    return fmt::format("{} seconds after 1970", seconds);
  }
  return text;
}

std::string printable(std::string_view text, std::size_t limit) {
  const bool cut = text.size() > limit;
  std::string result(text.substr(0, cut && limit >= 3 ? limit - 3 : limit));
  for (char& c : result) {
    if (c < 0x20 || c > 0x7e) c = '?';
  }
  if (cut && limit >= 3) result += "...";
  return result;
}

std::string format_name(const X509_NAME* name) {
  const BioPtr memory(BIO_new(BIO_s_mem()));
  if (!memory || name == nullptr) return {};
  if (X509_NAME_print_ex(memory.get(), name, 0, XN_FLAG_RFC2253) < 0) ERR_clear_error();
  return printable(bio_text(memory.get()), 512);
}

}  // namespace callgate::identity
