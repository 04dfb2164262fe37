// SPIFFE bundles as JSON Web Key Sets. Source: SPIFFE Trust Domain and Bundle, section 4; RFC 7517 and RFC
// 7518.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "identity/openssl.hpp"

namespace callgate::identity {

// A bundle with one P-256 authority for X.509-SVIDs. Error authority_failed.
[[nodiscard]] Result<std::string> format_bundle(X509* authority, std::uint64_t sequence,
                                                std::chrono::seconds refresh_hint);

}  // namespace callgate::identity
