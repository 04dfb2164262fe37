// What a policy asks of the way to a target: plain values shared by documents and
// decisions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/address.hpp"

namespace callgate::policy {

// From the laxest to the strictest.
enum class TlsRequirement : std::uint8_t {
  plaintext,   // no TLS: every call is marked
  unverified,  // TLS without verification: every call is marked
  verified,    // chain and name verified
  mutual,      // the same, and the target must ask for the client certificate
};

enum class Trust : std::uint8_t {
  system,  // the certificate authorities of the host
  bundle,  // the trust bundle of the workload's own trust domain
};

// How an allowed call reaches its target.
struct Upstream {
  TlsRequirement tls = TlsRequirement::verified;
  Trust trust = Trust::system;
  bool allow_tls12 = false;
  std::uint16_t port = 0;  // 0: the flow's own
  std::string identity;    // SPIFFE ID that the certificate must prove; empty: the host's name instead
  // plaintext only: the addresses (port 0) that the target's name stood for when callgated last asked; the IP
  // of the flow must be one of them. Empty in documents: Engine::compile fills it in.
  std::vector<Address> resolved;

  bool operator==(const Upstream&) const = default;
};

// Whether both demand the same of a target, whatever its name was last resolved to.
[[nodiscard]] inline bool same_demands(const Upstream& left, const Upstream& right) {
  return left.tls == right.tls && left.trust == right.trust && left.allow_tls12 == right.allow_tls12 &&
         left.port == right.port && left.identity == right.identity;
}

// The requirements of several allowing policies, put together field by field: the strictest of each field,
// and a set field before an unset one. Views of the merged values: allocates nothing.
class UpstreamMerge {
 public:
  // False if the port or the identity contradicts what was added before; the merge is then of no more use.
  [[nodiscard]] bool add(const Upstream& upstream);
  // The added upstream that alone says what all say together, or null if none does.
  [[nodiscard]] const Upstream* widest() const;
  [[nodiscard]] Upstream value() const;

 private:
  [[nodiscard]] bool says_the_same(const Upstream& upstream) const;

  const Upstream* first_ = nullptr;
  const Upstream* latest_change_ = nullptr;
  TlsRequirement tls_ = TlsRequirement::plaintext;
  Trust trust_ = Trust::system;
  bool allow_tls12_ = true;
  std::uint16_t port_ = 0;
  const std::string* identity_ = nullptr;
  const std::vector<Address>* resolved_ = nullptr;
};

}  // namespace callgate::policy
