// The embedded authority: one self-signed root for the trust domain of a host that has no identity provider,
// and the X.509-SVIDs that it issues to workloads.
//
// Its directory holds `authority/root.key` (0600) and `authority/root.pem`. Both appear together, by one
// rename, and are never overwritten: who has lost one of them decides what happens, since every target that
// trusts the old root must be told of a new one. Keys are P-256.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "identity/spiffe_id.hpp"

namespace callgate::identity {

// Times are seconds since 1970.
struct Svid {
  std::string id;
  std::string chain_pem;  // the leaf; the root, which targets have from the bundle, is not part of it
  std::string key_pem;
  std::uint64_t not_before = 0;  // a little before issued_at, for targets whose clocks are behind
  std::uint64_t not_after = 0;
  std::uint64_t issued_at = 0;
};

[[nodiscard]] inline std::uint64_t wall_seconds() {
  return wall_ns() / 1'000'000'000U;
}

// True from half of the SVID's lifetime on, and when the clock was put back behind its beginning.
[[nodiscard]] bool needs_rotation(const Svid& svid, std::uint64_t now = wall_seconds());

class Authority {
 public:
  static constexpr std::chrono::hours root_lifetime{24 * 3652};

  // Opens the authority in `directory`, which must exist, or creates it if `directory` has none. Processes
  // that do so at the same time get the same authority. Errors (nothing on disk was changed):
  //   bad_spiffe_id                  the trust domain's name
  //   authority_key_missing, authority_certificate_missing, authority_unreadable
  //   authority_permissions          the key could have been read, or the directory changed, by other users
  //   authority_mismatch             key and certificate do not belong together
  //   authority_trust_domain         the authority is of another trust domain
  //   authority_expired
  //   authority_failed, or a system error
  [[nodiscard]] static Result<Authority> open(const std::string& directory, std::string_view trust_domain,
                                              std::uint64_t now = wall_seconds());
  Authority(Authority&&) noexcept;
  Authority& operator=(Authority&&) noexcept;
  ~Authority();

  // A new key and its certificate, valid for `ttl` from now on, or as long as the root is. Any thread.
  // Errors: authority_wrong_id (another trust domain, or an ID without path), authority_expired,
  // authority_failed.
  [[nodiscard]] Result<Svid> issue(const SpiffeId& id, std::chrono::seconds ttl,
                                   std::uint64_t now = wall_seconds()) const;

  [[nodiscard]] const std::string& trust_domain() const;
  // The root certificate.
  [[nodiscard]] const std::string& bundle_pem() const;
  // The same as a SPIFFE bundle: a JSON Web Key Set (SPIFFE Trust Domain and Bundle, section 4). Its sequence
  // is the time at which the root was made: a root that replaces this one has a higher one.
  [[nodiscard]] const std::string& bundle_jwks() const;

 private:
  struct State;
  explicit Authority(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace callgate::identity
