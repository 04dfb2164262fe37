// The rules of X.509-SVIDs: what a certificate must look like to prove, or to sign, a SPIFFE ID.
//
// Source: the X509-SVID specification, sections 2 to 5. Chain building and validity dates are not judged
// here.
#pragma once

#include <optional>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "identity/spiffe_id.hpp"

struct x509_st;

namespace callgate::identity {

// The ID that a leaf proves. Errors, each saying which rule is broken: svid_unreadable, svid_no_id (no URI
// SAN), svid_many_ids, svid_bad_id, svid_not_critical, svid_is_authority, svid_key_usage,
// svid_extended_key_usage.
[[nodiscard]] Result<SpiffeId> check_svid_leaf(x509_st* certificate);
// The same for one DER certificate with nothing behind it.
[[nodiscard]] Result<SpiffeId> check_svid_leaf(Bytes der);

// Whether a certificate above the leaf may sign IDs of `trust_domain`. Errors: svid_not_authority,
// svid_key_usage, svid_bad_id (it carries an ID that has a path or is of another trust domain),
// svid_many_ids.
[[nodiscard]] Result<void> check_svid_signer(x509_st* certificate, std::string_view trust_domain);

// The only URI name of a certificate, if that is a SPIFFE ID: what the certificate says, whether or not it
// may.
[[nodiscard]] std::optional<SpiffeId> uri_identity(x509_st* certificate);

}  // namespace callgate::identity
