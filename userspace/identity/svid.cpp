#include "identity/svid.hpp"

#include <fmt/format.h>
#include <openssl/err.h>

#include "identity/openssl.hpp"

namespace callgate::identity {
namespace {

struct Names {
  std::vector<std::string> uris;
  bool critical = false;
};

// X509_get_ext_d2i tells "absent" (-1) from "twice" (-2) and "unreadable" (>= 0) by its third argument alone.
template <typename Pointer>
Result<Pointer> extension(const X509* certificate, int nid, int& critical) {
  ERR_clear_error();
  Pointer value(
      static_cast<typename Pointer::pointer>(X509_get_ext_d2i(certificate, nid, &critical, nullptr)));
  ERR_clear_error();
  if (!value && critical != -1) {
    return make_error(
        "svid_unreadable",
        fmt::format("the certificate's {} extension is unreadable or there twice", OBJ_nid2sn(nid)));
  }
  return value;
}

Result<Names> read_names(const X509* certificate) {
  int critical = 0;
  auto names = extension<GeneralNamesPtr>(certificate, NID_subject_alt_name, critical);
  if (!names) return names.error();
  Names result;
  result.critical = critical > 0;
  for (int i = 0; *names && i < sk_GENERAL_NAME_num(names->get()); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names->get(), i);
    if (name->type != GEN_URI) continue;
    const auto* const data =
        reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.uniformResourceIdentifier));
    const int size = ASN1_STRING_length(name->d.uniformResourceIdentifier);
    result.uris.emplace_back(data, static_cast<std::size_t>(size));
  }
  return result;
}

Result<void> check_readable(X509* certificate) {
  if ((X509_get_extension_flags(certificate) & EXFLAG_INVALID) == 0) return {};
  ERR_clear_error();
  return make_error("svid_unreadable", "an extension of the certificate is unreadable");
}

Result<void> check_leaf_usage(X509* certificate) {
  int critical = 0;
  auto usage = extension<BitStringPtr>(certificate, NID_key_usage, critical);
  if (!usage) return usage.error();
  if (!*usage || critical <= 0) {
    return make_error("svid_key_usage", "an X.509-SVID needs a critical key usage extension");
  }
  const auto bits = X509_get_key_usage(certificate);
  if ((bits & KU_DIGITAL_SIGNATURE) == 0) {
    return make_error("svid_key_usage", "the key usage of an X.509-SVID must include digitalSignature");
  }
  if ((bits & (KU_KEY_CERT_SIGN | KU_CRL_SIGN)) != 0) {
    return make_error("svid_key_usage",
                      "the key usage of an X.509-SVID must not include keyCertSign or cRLSign");
  }
  if ((X509_get_extension_flags(certificate) & EXFLAG_XKUSAGE) != 0) {
    constexpr unsigned both = XKU_SSL_SERVER | XKU_SSL_CLIENT;
    if ((X509_get_extended_key_usage(certificate) & both) != both) {
      return make_error("svid_extended_key_usage",
                        "the extended key usage of an X.509-SVID must include serverAuth and clientAuth");
    }
  }
  return {};
}

}  // namespace

Result<SpiffeId> check_svid_leaf(X509* certificate) {
  CALLGATE_TRY(check_readable(certificate));
  auto names = read_names(certificate);
  if (!names) return names.error();
  if (names->uris.empty())
    return make_error("svid_no_id", "the certificate has no URI name, so it proves no SPIFFE ID");
  if (names->uris.size() > 1) {
    return make_error(
        "svid_many_ids",
        fmt::format("the certificate has {} URI names; an X.509-SVID has exactly one", names->uris.size()));
  }
  auto id = SpiffeId::parse(names->uris.front());
  if (!id) {
    return make_error("svid_bad_id", fmt::format("the certificate's URI name \"{}\" is no SPIFFE ID: {}",
                                                 printable(names->uris.front(), 200), id.error().message));
  }
  if (id->path().empty()) {
    return make_error("svid_bad_id",
                      fmt::format("{} has no path, so it names a trust domain and no workload", id->text()));
  }
  if (X509_NAME_entry_count(X509_get_subject_name(certificate)) == 0 && !names->critical) {
    return make_error("svid_not_critical",
                      "the certificate has neither a subject nor critical names (RFC 5280, 4.2.1.6)");
  }
  if ((X509_get_extension_flags(certificate) & EXFLAG_CA) != 0) {
    return make_error("svid_is_authority",
                      "the certificate is one of an authority; those authenticate nobody");
  }
  CALLGATE_TRY(check_leaf_usage(certificate));
  return id;
}

Result<SpiffeId> check_svid_leaf(Bytes der) {
  const unsigned char* position = der.data();
  const CertificatePtr certificate(d2i_X509(nullptr, &position, static_cast<long>(der.size())));
  if (!certificate) {
    return make_error("svid_unreadable",
                      fmt::format("the bytes are no DER certificate: {}", take_openssl_error()));
  }
  if (position != der.data() + der.size()) {
    return make_error("svid_unreadable", "there are bytes behind the certificate");
  }
  return check_svid_leaf(certificate.get());
}

Result<void> check_svid_signer(X509* certificate, std::string_view trust_domain) {
  CALLGATE_TRY(check_readable(certificate));
  if ((X509_get_extension_flags(certificate) & EXFLAG_CA) == 0) {
    return make_error("svid_not_authority",
                      "a certificate that signs an X.509-SVID is not one of an authority");
  }
  // X509_get_key_usage answers "all bits" where the extension is absent.
  const auto flags = X509_get_extension_flags(certificate);
  if ((flags & EXFLAG_KUSAGE) == 0 || (X509_get_key_usage(certificate) & KU_KEY_CERT_SIGN) == 0) {
    return make_error("svid_key_usage",
                      "a certificate that signs an X.509-SVID lacks the key usage keyCertSign");
  }
  auto names = read_names(certificate);
  if (!names) return names.error();
  if (names->uris.empty()) return {};
  if (names->uris.size() > 1)
    return make_error("svid_many_ids", "a signing certificate has several URI names");
  const auto id = SpiffeId::parse(names->uris.front());
  if (!id || !id->path().empty() || id->trust_domain() != trust_domain) {
    return make_error("svid_bad_id",
                      fmt::format("a signing certificate carries \"{}\" instead of spiffe://{}",
                                  printable(names->uris.front(), 200), trust_domain));
  }
  return {};
}

std::optional<SpiffeId> uri_identity(X509* certificate) {
  const auto names = read_names(certificate);
  if (!names || names->uris.size() != 1) return std::nullopt;
  auto id = SpiffeId::parse(names->uris.front());
  if (!id) return std::nullopt;
  return std::move(*id);
}

}  // namespace callgate::identity
