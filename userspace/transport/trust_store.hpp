// Parsed trust anchors, shared between the contexts of a thread: parsing a host's roots costs milliseconds,
// and every workload has the same ones.
#pragma once

#include <string_view>

#include "base/result.hpp"
#include "identity/openssl.hpp"

namespace callgate::transport {

enum class AnchorKind {
  system,  // roots of a host
  bundle,  // authorities of a SPIFFE trust domain, self-signed or not
};

// The store of a PEM text: the one of an earlier call on this thread if the text is equal and it is still
// among the last few. Errors bad_certificate, bad_bundle (kind bundle: a certificate is none of an
// authority).
[[nodiscard]] Result<identity::StorePtr> trust_store(AnchorKind kind, std::string_view pem);

}  // namespace callgate::transport
