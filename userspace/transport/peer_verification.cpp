#include "transport/peer_verification.hpp"

#include <algorithm>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/sha.h>

#include "identity/svid.hpp"

namespace callgate::transport {
namespace {

using identity::format_name;
using identity::format_seconds;
using identity::printable;

constexpr int names_shown = 5;

// One subject alternative name as text; empty for kinds that prove no name.
std::string name_text(const GENERAL_NAME* name) {
  const auto text_of = [](const ASN1_STRING* value) {
    const auto* const data = reinterpret_cast<const char*>(ASN1_STRING_get0_data(value));
    return printable(std::string_view(data, static_cast<std::size_t>(ASN1_STRING_length(value))), 100);
  };
  if (name->type == GEN_DNS) return text_of(name->d.dNSName);
  if (name->type == GEN_URI) return text_of(name->d.uniformResourceIdentifier);
  if (name->type != GEN_IPADD) return {};
  char text[INET6_ADDRSTRLEN] = {};
  const int size = ASN1_STRING_length(name->d.iPAddress);
  if (size != 4 && size != 16) return {};
  ::inet_ntop(size == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(name->d.iPAddress), text, sizeof(text));
  return text;
}

std::string presented_names(const X509* certificate) {
  ERR_clear_error();
  const identity::GeneralNamesPtr names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  ERR_clear_error();
  std::string result;
  int shown = 0;
  int more = 0;
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const auto text = name_text(sk_GENERAL_NAME_value(names.get(), i));
    if (text.empty()) continue;
    if (shown == names_shown) {
      ++more;
      continue;
    }
    if (shown++ > 0) result += ", ";
    result += text;
  }
  if (result.empty()) return "no name at all";
  if (more > 0) result += fmt::format(" and {} more", more);
  return result;
}

// "(subject CN=a, issuer CN=b)", or a hint where a subject is empty, as it is in many SVIDs.
std::string parties(const X509* certificate) {
  const auto subject = format_name(X509_get_subject_name(certificate));
  const auto issuer = format_name(X509_get_issuer_name(certificate));
  return fmt::format("(subject {}, issuer {})", subject.empty() ? "empty" : printable(subject, 200),
                     issuer.empty() ? "empty" : printable(issuer, 200));
}

std::string target_text(const Expectation& expectation) {
  if (expectation.spiffe_id) return expectation.spiffe_id->text();
  return expectation.name;
}

Error chain_error(X509_STORE_CTX* context, X509* leaf, const Expectation& expectation) {
  const int reason = X509_STORE_CTX_get_error(context);
  const int depth = X509_STORE_CTX_get_error_depth(context);
  X509* const current = X509_STORE_CTX_get_current_cert(context);
  X509* const about = current != nullptr ? current : leaf;
  const auto target = target_text(expectation);
  const auto whose = depth == 0 ? fmt::format("the certificate of {} {}", target, parties(leaf))
                                : fmt::format("a certificate {} that vouches for {}", parties(about), target);
  const char* const anchors = expectation.use_bundle ? "the trust bundle" : "the system's roots";
  switch (reason) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return make_error("tls_expired",
                        fmt::format("{} expired on {}", whose,
                                    format_seconds(identity::to_seconds(X509_get0_notAfter(about)))));
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return make_error(
          "tls_not_yet_valid",
          fmt::format("{} is not valid before {}; compare the clocks of this node and of its issuer", whose,
                      format_seconds(identity::to_seconds(X509_get0_notBefore(about)))));
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return make_error("tls_name_mismatch",
                        fmt::format("the target was called as {}, but its certificate {} is for {}", target,
                                    parties(leaf), presented_names(leaf)));
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return make_error("tls_untrusted", fmt::format("{} is self-signed and not among {}", whose, anchors));
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return make_error(
          "tls_untrusted",
          fmt::format("the certificate of {} {} leads to no authority among {}; either the target lacks an "
                      "intermediate certificate, or its authority is not trusted here",
                      target, parties(leaf), anchors));
    default:
      return make_error("tls_untrusted",
                        fmt::format("{} does not verify: {}", whose, X509_verify_cert_error_string(reason)));
  }
}

void narrow_to(const X509* certificate, ProvedTarget& proved) {
  proved.valid_from = std::max(proved.valid_from, identity::to_seconds(X509_get0_notBefore(certificate)));
  proved.valid_until = std::min(proved.valid_until, identity::to_seconds(X509_get0_notAfter(certificate)));
}

Result<void> verify_identity(X509_STORE_CTX* context, X509* leaf, const identity::SpiffeId& expected) {
  const auto presented = identity::check_svid_leaf(leaf);
  if (!presented) {
    return make_error("tls_identity_mismatch",
                      fmt::format("the target was called as {}, but its certificate {} is no valid "
                                  "X.509-SVID: {}",
                                  expected.text(), parties(leaf), presented.error().message));
  }
  if (*presented != expected) {
    return make_error("tls_identity_mismatch",
                      fmt::format("the target was called as {}, but its certificate proves {}",
                                  expected.text(), presented->text()));
  }
  STACK_OF(X509)* const chain = X509_STORE_CTX_get0_chain(context);
  for (int i = 1; i < sk_X509_num(chain); ++i) {
    const auto signer = identity::check_svid_signer(sk_X509_value(chain, i), expected.trust_domain());
    if (!signer) {
      return make_error("tls_untrusted",
                        fmt::format("the certificate of {} was signed against the rules of SPIFFE: {}",
                                    expected.text(), signer.error().message));
    }
  }
  return {};
}

}  // namespace

PeerCertificate describe(X509* certificate) {
  PeerCertificate result;
  result.subject = format_name(X509_get_subject_name(certificate));
  result.not_after = identity::to_seconds(X509_get0_notAfter(certificate));
  std::array<std::uint8_t, SHA256_DIGEST_LENGTH> digest{};
  unsigned size = 0;
  if (X509_digest(certificate, EVP_sha256(), digest.data(), &size) == 1) {
    result.sha256_hex = to_hex(Bytes(digest.data(), size));
  }
  if (auto id = identity::uri_identity(certificate)) result.spiffe_id = id->text();
  return result;
}

Result<void> verify_target(X509_STORE_CTX* context, const Expectation& expectation, std::uint64_t now,
                           ProvedTarget& proved) {
  X509* const leaf = X509_STORE_CTX_get0_cert(context);
  if (leaf == nullptr) return make_error("tls_untrusted", "the target presented no certificate");
  proved.certificate = std::make_shared<const PeerCertificate>(describe(leaf));
  proved.valid_from = 0;
  proved.valid_until = UINT64_MAX;
  if (!expectation.verify) return {};
  X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(context), static_cast<std::time_t>(now));
  if (X509_verify_cert(context) != 1) {
    ERR_clear_error();
    return chain_error(context, leaf, expectation);
  }
  if (expectation.spiffe_id) {
    const auto matches = verify_identity(context, leaf, *expectation.spiffe_id);
    if (!matches) {
      X509_STORE_CTX_set_error(context, X509_V_ERR_APPLICATION_VERIFICATION);
      return matches.error();
    }
  }
  STACK_OF(X509)* const chain = X509_STORE_CTX_get0_chain(context);
  for (int i = 0; i < sk_X509_num(chain); ++i)
    narrow_to(sk_X509_value(chain, i), proved);
  proved.verified = true;
  return {};
}

}  // namespace callgate::transport
