#include "proxy/workloads.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "callgate/v1/node.pb.h"

namespace callgate::proxy {
namespace {

bool same(const transport::TrustAnchors& a, const transport::TrustAnchors& b) {
  return a.system_pem == b.system_pem && a.bundle_pem == b.bundle_pem && a.trust_domain == b.trust_domain;
}

}  // namespace

Workload::Workload(std::uint64_t id, std::string name, std::uint64_t netns_cookie,
                   transport::ClientIdentity identity, std::shared_ptr<const transport::TrustAnchors> anchors)
    : id_(id),
      name_(std::move(name)),
      netns_cookie_(netns_cookie),
      identity_(std::move(identity)),
      anchors_(std::move(anchors)) {}

Result<std::shared_ptr<transport::TlsClient>> Workload::tls_client() {
  if (tls_client_ == nullptr) {
    auto made = transport::TlsClient::make(identity_, *anchors_);
    if (!made) return made.error();
    tls_client_ = std::move(*made);
  }
  return tls_client_;
}

bool Workload::same_identity(const Workload& other) const {
  return identity_.spiffe_id == other.identity_.spiffe_id &&
         identity_.certificate_chain_pem == other.identity_.certificate_chain_pem &&
         identity_.private_key_pem == other.identity_.private_key_pem &&
         (anchors_ == other.anchors_ || same(*anchors_, *other.anchors_));
}

Result<void> Workloads::replace(std::string_view content) {
  v1::Identities identities;
  if (content.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()) ||
      !identities.ParseFromArray(content.data(), static_cast<int>(content.size()))) {
    return make_error("bad_identities", "the identities snapshot cannot be parsed");
  }
  auto anchors = std::make_shared<const transport::TrustAnchors>(transport::TrustAnchors{
      identities.system_roots_pem(), identities.bundle_pem(), identities.trust_domain()});
  std::unordered_map<std::uint64_t, std::shared_ptr<Workload>> next;
  next.reserve(static_cast<std::size_t>(identities.workloads_size()));
  for (const v1::Identities::Workload& entry : identities.workloads()) {
    if (entry.id() == 0 || entry.name().empty()) {
      return make_error("bad_identities", "the identities snapshot has a workload without id or name");
    }
    auto workload = std::make_shared<Workload>(
        entry.id(), entry.name(), entry.netns_cookie(),
        transport::ClientIdentity{entry.spiffe_id(), entry.certificate_chain_pem(), entry.private_key_pem()},
        anchors);
    const auto old = workloads_.find(entry.id());
    if (old != workloads_.end() && old->second->same_identity(*workload)) {
      workload->tls_client_ = old->second->tls_client_;
    }
    if (!next.emplace(entry.id(), std::move(workload)).second) {
      return make_error("bad_identities",
                        fmt::format("the identities snapshot has workload {} twice", entry.id()));
    }
  }
  workloads_ = std::move(next);
  ++version_;
  return {};
}

std::shared_ptr<Workload> Workloads::find(std::uint64_t id) const {
  const auto found = workloads_.find(id);
  return found == workloads_.end() ? nullptr : found->second;
}

bool Workloads::uses_namespace(std::uint64_t netns_cookie) const {
  return std::any_of(workloads_.begin(), workloads_.end(),
                     [&](const auto& entry) { return entry.second->netns_cookie() == netns_cookie; });
}

}  // namespace callgate::proxy
