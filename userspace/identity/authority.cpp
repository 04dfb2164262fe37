#include "identity/authority.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "identity/authority_files.hpp"
#include "identity/bundle_format.hpp"
#include "identity/certificate_builder.hpp"
#include "identity/svid.hpp"

namespace callgate::identity {
namespace {

// How far a target's clock may be behind.
constexpr std::uint64_t backdate_seconds = 60;
constexpr std::chrono::seconds refresh_hint{300};

Result<AuthorityFiles> make_files(const SpiffeId& trust_domain, std::uint64_t now) {
  const auto key = make_key();
  if (!key) return key.error();
  const std::uint64_t lifetime = std::chrono::seconds(Authority::root_lifetime).count();
  const auto root =
      make_root(key->get(), trust_domain, {now - std::min(now, backdate_seconds), now + lifetime});
  if (!root) return root.error();
  auto key_pem = to_pem(key->get());
  if (!key_pem) return key_pem.error();
  auto root_pem = to_pem(root->get());
  if (!root_pem) return root_pem.error();
  return AuthorityFiles{std::move(*key_pem), std::move(*root_pem)};
}

Error unreadable(const std::string& directory, const char* file, const std::string& why) {
  return make_error(
      "authority_unreadable",
      fmt::format("{}/authority/{} is damaged ({}); restore it from a backup", directory, file, why));
}

}  // namespace

struct Authority::State {
  std::string trust_domain;
  std::string bundle_pem;
  std::string bundle_jwks;
  KeyPtr key;
  CertificatePtr root;
  Period period;
};

Authority::Authority(std::unique_ptr<State> state) : state_(std::move(state)) {}
Authority::Authority(Authority&&) noexcept = default;
Authority& Authority::operator=(Authority&&) noexcept = default;
Authority::~Authority() = default;

Result<Authority> Authority::open(const std::string& directory, std::string_view trust_domain,
                                  std::uint64_t now) {
  const auto wanted = SpiffeId::of_trust_domain(trust_domain);
  if (!wanted) return wanted.error();
  auto files = load_or_create(directory, [&] { return make_files(*wanted, now); });
  if (!files) return files.error();
  auto key = read_private_key(files->key_pem);
  if (!key) return unreadable(directory, "root.key", key.error().message);
  auto roots = read_certificates(files->certificate_pem);
  if (!roots) return unreadable(directory, "root.pem", roots.error().message);
  if (roots->size() != 1)
    return unreadable(directory, "root.pem", fmt::format("it holds {} certificates", roots->size()));
  X509* const root = roots->front().get();
  if (X509_check_private_key(root, key->get()) != 1) {
    static_cast<void>(take_openssl_error());
    return make_error(
        "authority_mismatch",
        fmt::format("{0}/authority/root.key is not the key of {0}/authority/root.pem; restore the two that "
                    "belong together from a backup",
                    directory));
  }
  const auto id = uri_identity(root);
  if (!id || id->trust_domain() != trust_domain) {
    return make_error(
        "authority_trust_domain",
        fmt::format("the authority in {} is of trust domain {}, and the configuration says {}; correct the "
                    "configuration, or give the new trust domain a directory of its own",
                    directory, id ? id->trust_domain() : "(none)", trust_domain));
  }
  if (const auto usable = check_svid_signer(root, trust_domain); !usable) {
    return unreadable(directory, "root.pem", usable.error().message);
  }
  auto state = std::make_unique<State>();
  state->period = {to_seconds(X509_get0_notBefore(root)), to_seconds(X509_get0_notAfter(root))};
  if (now >= state->period.end) {
    return make_error(
        "authority_expired",
        fmt::format("the root in {0}/authority expired on {1}; move {0}/authority away to begin with a new "
                    "one, and give every target the new bundle",
                    directory, format_seconds(state->period.end)));
  }
  auto jwks = format_bundle(root, state->period.begin, refresh_hint);
  if (!jwks) return jwks.error();
  auto pem = to_pem(root);
  if (!pem) return pem.error();
  state->trust_domain = std::string(trust_domain);
  state->bundle_jwks = std::move(*jwks);
  state->bundle_pem = std::move(*pem);
  state->key = std::move(*key);
  state->root = std::move(roots->front());
  return Authority(std::move(state));
}

Result<Svid> Authority::issue(const SpiffeId& id, std::chrono::seconds ttl, std::uint64_t now) const {
  if (id.trust_domain() != state_->trust_domain || id.path().empty()) {
    return make_error("authority_wrong_id",
                      fmt::format("{} cannot be issued: the authority issues spiffe://{}/<path>", id.text(),
                                  state_->trust_domain));
  }
  if (ttl.count() <= 0)
    return make_error("authority_failed", "the lifetime of an SVID must be longer than 0 seconds");
  if (now >= state_->period.end) {
    return make_error("authority_expired", fmt::format("the root of the authority expired on {}",
                                                       format_seconds(state_->period.end)));
  }
  if (now < state_->period.begin) {
    return make_error("authority_failed",
                      fmt::format("the clock is before {}, when the root was made; correct it",
                                  format_seconds(state_->period.begin)));
  }
  Svid svid;
  svid.id = id.text();
  svid.issued_at = now;
  svid.not_before = std::max(now - std::min(now, backdate_seconds), state_->period.begin);
  const auto room = state_->period.end - now;
  svid.not_after = now + std::min(static_cast<std::uint64_t>(ttl.count()), room);
  const auto key = make_key();
  if (!key) return key.error();
  const auto leaf =
      make_leaf(key->get(), id, {svid.not_before, svid.not_after}, state_->root.get(), state_->key.get());
  if (!leaf) return leaf.error();
  auto chain = to_pem(leaf->get());
  if (!chain) return chain.error();
  auto key_pem = to_pem(key->get());
  if (!key_pem) return key_pem.error();
  svid.chain_pem = std::move(*chain);
  svid.key_pem = std::move(*key_pem);
  return svid;
}

const std::string& Authority::trust_domain() const {
  return state_->trust_domain;
}
const std::string& Authority::bundle_pem() const {
  return state_->bundle_pem;
}
const std::string& Authority::bundle_jwks() const {
  return state_->bundle_jwks;
}

bool needs_rotation(const Svid& svid, std::uint64_t now) {
  if (now < svid.issued_at) return true;
  return now - svid.issued_at >= (svid.not_after - svid.issued_at) / 2;
}

}  // namespace callgate::identity
