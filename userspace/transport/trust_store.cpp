#include "transport/trust_store.hpp"

#include <array>
#include <list>

#include <fmt/format.h>
#include <openssl/sha.h>

namespace callgate::transport {
namespace {

using identity::StorePtr;

// A node has one set of system roots and one bundle per trust domain; old generations drop out behind them.
constexpr std::size_t stores_kept = 8;

struct Kept {
  AnchorKind kind;
  std::array<std::uint8_t, SHA256_DIGEST_LENGTH> digest;
  StorePtr store;
};

StorePtr share(const StorePtr& store) {
  X509_STORE_up_ref(store.get());
  return StorePtr(store.get());
}

Result<StorePtr> parse(AnchorKind kind, std::string_view pem) {
  auto certificates = identity::read_certificates(pem);
  if (!certificates) return certificates.error();
  StorePtr store(X509_STORE_new());
  if (!store) return make_error("tls_failed", "out of memory for trust anchors");
  for (const auto& certificate : *certificates) {
    if (kind == AnchorKind::bundle && (X509_get_extension_flags(certificate.get()) & EXFLAG_CA) == 0) {
      return make_error("bad_bundle",
                        fmt::format("the trust bundle holds {}, which is not the certificate of an authority",
                                    identity::format_name(X509_get_subject_name(certificate.get()))));
    }
    if (X509_STORE_add_cert(store.get(), certificate.get()) != 1) {
      return make_error("bad_certificate",
                        fmt::format("a trust anchor is unusable: {}", identity::take_openssl_error()));
    }
  }
  // An authority of a trust domain is an anchor in its own right, even if another one signed it.
  if (kind == AnchorKind::bundle) X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN);
  return store;
}

}  // namespace

Result<StorePtr> trust_store(AnchorKind kind, std::string_view pem) {
  thread_local std::list<Kept> kept;  // the last used one first
  std::array<std::uint8_t, SHA256_DIGEST_LENGTH> digest{};
  const auto bytes = as_bytes(pem);
  SHA256(bytes.data(), bytes.size(), digest.data());
  for (auto entry = kept.begin(); entry != kept.end(); ++entry) {
    if (entry->kind != kind || entry->digest != digest) continue;
    kept.splice(kept.begin(), kept, entry);
    return share(kept.front().store);
  }
  auto store = parse(kind, pem);
  if (!store) return store.error();
  auto shared = share(*store);
  kept.push_front({kind, digest, std::move(*store)});
  if (kept.size() > stores_kept) kept.pop_back();
  return shared;
}

}  // namespace callgate::transport
