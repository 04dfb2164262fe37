// Whose flows the proxy serves: the identities snapshot of callgated, with a TLS client for each workload
// that calls.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.hpp"
#include "transport/tls_client.hpp"

namespace callgate::proxy {

// One workload as of one snapshot. Flows hold it as long as they live; belongs to one thread.
class Workload {
 public:
  Workload(std::uint64_t id, std::string name, std::uint64_t netns_cookie, transport::ClientIdentity identity,
           std::shared_ptr<const transport::TrustAnchors> anchors);

  [[nodiscard]] std::uint64_t id() const { return id_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::string& spiffe_id() const { return identity_.spiffe_id; }
  // Of the namespace whose upstream sockets it uses.
  [[nodiscard]] std::uint64_t netns_cookie() const { return netns_cookie_; }
  // Made at first use: parsing roots is expensive, and most workloads of a snapshot never call through this
  // thread.
  [[nodiscard]] Result<std::shared_ptr<transport::TlsClient>> tls_client();
  // The same if it was made, else null.
  [[nodiscard]] const transport::TlsClient* existing_tls_client() const { return tls_client_.get(); }
  // True if connections made for `other` may serve this workload.
  [[nodiscard]] bool same_identity(const Workload& other) const;

 private:
  friend class Workloads;

  std::uint64_t id_;
  std::string name_;
  std::uint64_t netns_cookie_;
  transport::ClientIdentity identity_;
  std::shared_ptr<const transport::TrustAnchors> anchors_;  // shared by all workloads of a snapshot
  std::shared_ptr<transport::TlsClient> tls_client_;
};

class Workloads {
 public:
  // Replaces everything by the serialized v1::Identities in `content`; on an error (bad_identities) nothing
  // changes. Workloads that did not change keep their TLS client, and so their connections and sessions.
  [[nodiscard]] Result<void> replace(std::string_view content);
  // Null if there is none of that id. Shared: flows and pooled connections outlive the snapshot.
  [[nodiscard]] std::shared_ptr<Workload> find(std::uint64_t id) const;
  // Changes with every replacement.
  [[nodiscard]] std::uint64_t version() const { return version_; }
  [[nodiscard]] bool uses_namespace(std::uint64_t netns_cookie) const;

 private:
  std::unordered_map<std::uint64_t, std::shared_ptr<Workload>> workloads_;
  std::uint64_t version_ = 0;
};

}  // namespace callgate::proxy
