#include "policy/upstream.hpp"

#include <algorithm>

namespace callgate::policy {

bool UpstreamMerge::says_the_same(const Upstream& upstream) const {
  return upstream.tls == tls_ && upstream.trust == trust_ && upstream.allow_tls12 == allow_tls12_ &&
         upstream.port == port_ && upstream.identity == *identity_;
}

bool UpstreamMerge::add(const Upstream& upstream) {
  if (first_ == nullptr) {
    first_ = latest_change_ = &upstream;
    tls_ = upstream.tls;
    trust_ = upstream.trust;
    allow_tls12_ = upstream.allow_tls12;
    port_ = upstream.port;
    identity_ = &upstream.identity;
    resolved_ = &upstream.resolved;
    return true;
  }
  if (port_ != 0 && upstream.port != 0 && port_ != upstream.port) return false;
  if (!identity_->empty() && !upstream.identity.empty() && *identity_ != upstream.identity) return false;
  tls_ = std::max(tls_, upstream.tls);
  trust_ = std::max(trust_, upstream.trust);
  allow_tls12_ = allow_tls12_ && upstream.allow_tls12;
  if (port_ == 0) port_ = upstream.port;
  if (identity_->empty()) identity_ = &upstream.identity;
  if (says_the_same(upstream)) latest_change_ = &upstream;
  return true;
}

const Upstream* UpstreamMerge::widest() const {
  if (first_ == nullptr) return nullptr;
  if (says_the_same(*first_)) return first_;
  return says_the_same(*latest_change_) ? latest_change_ : nullptr;
}

Upstream UpstreamMerge::value() const {
  Upstream merged{tls_, trust_, allow_tls12_, port_, *identity_, {}};
  if (tls_ == TlsRequirement::plaintext) merged.resolved = *resolved_;
  return merged;
}

}  // namespace callgate::policy
