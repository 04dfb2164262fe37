// A TlsConnection and the test's server at the other end of it.
#pragma once

#include <memory>
#include <string>

#include <catch2/catch.hpp>

#include "test_server.hpp"
#include "transport/tls_client.hpp"

namespace callgate::test {

struct Link {
  std::unique_ptr<transport::TlsConnection> client;
  std::unique_ptr<TestServer> server;

  // Both sides in turn, until the client's handshake ends; the server sends `chunk` bytes a turn if it is not
  // 0.
  transport::IoStatus handshake(std::size_t chunk = 0);
  // Reads until `size` bytes came or a status other than ok and want_read ends it.
  transport::IoResult read(std::string& into, std::size_t size, std::size_t chunk = 0);
  // Writes all of it, the server reading in turn.
  transport::IoStatus write(std::string_view text);
  // The code of the error after the handshake failed; "ok" if it did not.
  std::string handshake_code(std::size_t chunk = 0);
};

std::shared_ptr<transport::TlsClient> make_client(const transport::TrustAnchors& anchors,
                                                  const transport::ClientIdentity& identity = {},
                                                  transport::TlsClient::Clock clock = wall_ns);
Link connect(const std::shared_ptr<transport::TlsClient>& client, SSL_CTX* server,
             const transport::TargetRequirement& requirement, int buffer = 0);

transport::TargetRequirement by_name(const std::string& name);
transport::TargetRequirement by_identity(const std::string& id);

// What most tests need: a root that the system trusts, a trust domain's root, and a workload's identity.
struct World {
  Issued root = issue(authority_shape("test root"));
  Issued bundle = issue(authority_shape("prod root").with(NID_subject_alt_name, "URI:spiffe://prod"));
  Issued workload = issue(svid_shape("spiffe://prod/caller"), &bundle);
  [[nodiscard]] transport::TrustAnchors anchors() const { return {root.pem(), bundle.pem(), "prod"}; }
  [[nodiscard]] transport::ClientIdentity identity() const {
    return {"spiffe://prod/caller", workload.pem(), workload.key_pem()};
  }
  [[nodiscard]] Issued server(const std::string& names) const { return issue(server_shape(names), &root); }
};
// Made once: key generation dominates these tests.
const World& world();

}  // namespace callgate::test
