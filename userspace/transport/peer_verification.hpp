// What a target's certificate proves: chain, dates, and a name or a SPIFFE ID. Names are in the sense of RFC
// 9525: DNS and IP subject alternative names only, wildcards for one whole leftmost label, never the
// subject's common name.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "identity/openssl.hpp"
#include "identity/spiffe_id.hpp"
#include "transport/tls_client.hpp"

namespace callgate::transport {

// A TargetRequirement whose texts were checked and parsed.
struct Expectation {
  bool verify = true;
  bool use_bundle = false;
  std::string name;                             // DNS name without a final dot; or the text of an IP address
  std::array<std::uint8_t, 16> ip{};            // network byte order
  std::size_t ip_size = 0;                      // 4 or 16 for an IP address, else 0
  std::optional<identity::SpiffeId> spiffe_id;  // to be proved instead of the name

  [[nodiscard]] bool is_dns_name() const { return !name.empty() && ip_size == 0; }
};

// Error bad_requirement.
[[nodiscard]] Result<Expectation> parse_requirement(const TargetRequirement& requirement,
                                                    const std::string& trust_domain);

// What a full handshake proved, and for how long that stays proved. Sessions resumed from it point to it.
struct ProvedTarget {
  std::shared_ptr<const PeerCertificate> certificate;
  // Seconds since 1970: all certificates of the chain, root included, are valid between the two.
  std::uint64_t valid_from = 0;
  std::uint64_t valid_until = 0;
  bool verified = false;
  bool client_certificate_sent = false;
};

[[nodiscard]] PeerCertificate describe(X509* certificate);

// Judges the chain that a target presented, as of `now` (seconds since 1970). Fills `proved` (certificate and
// period) as far as it gets. Errors tls_expired, tls_not_yet_valid, tls_name_mismatch, tls_identity_mismatch,
// tls_untrusted; the verify result in `context` then names the alert that the target will see.
[[nodiscard]] Result<void> verify_target(X509_STORE_CTX* context, const Expectation& expectation,
                                         std::uint64_t now, ProvedTarget& proved);

}  // namespace callgate::transport
