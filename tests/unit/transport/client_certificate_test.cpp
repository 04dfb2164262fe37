// Presenting the workload's certificate, and targets that do not want it.
#include <catch2/catch.hpp>

#include "link.hpp"

using namespace callgate;
using namespace callgate::test;
using transport::IoStatus;

namespace {

struct Target {
  Issued certificate = world().server("DNS:a.example");
  identity::SslContextPtr context;
  Target(ServerOptions options) {
    if (options.client_authority_pem.empty()) options.client_authority_pem = world().bundle.pem();
    context = make_server_context(certificate, options);
  }
};

std::shared_ptr<transport::TlsClient> with_identity() {
  return make_client(world().anchors(), world().identity());
}

transport::TargetRequirement mutual() {
  auto requirement = by_name("a.example");
  requirement.require_client_certificate_request = true;
  return requirement;
}

ServerOptions options_of(int version, bool ask, bool insist) {
  ServerOptions options;
  options.ask_client_certificate = ask;
  options.insist_on_client_certificate = insist;
  options.minimum_version = options.maximum_version = version;
  return options;
}

// Of the whole way to a first answer: where TLS 1.3 refuses a client certificate.
std::string exchange_code(Link& link) {
  const auto code = link.handshake_code();
  if (code != "ok") return code;
  link.server->send("hello");
  std::string answer;
  const auto result = link.read(answer, 5);
  return result.status == IoStatus::ok ? "ok" : link.client->error().code;
}

}  // namespace

TEST_CASE("a target that asks gets the workload's certificate") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const Target target(options_of(version, true, true));
    auto requirement = mutual();
    requirement.allow_tls12 = true;
    auto link = connect(with_identity(), target.context.get(), requirement);
    CHECK(exchange_code(link) == "ok");
    CHECK(link.client->facts().client_certificate_sent);
    X509* const seen = SSL_get0_peer_certificate(link.server->ssl());
    REQUIRE(seen != nullptr);
    CHECK(X509_cmp(seen, world().workload.certificate.get()) == 0);
  }
}

TEST_CASE("mutual TLS with a target that does not ask is refused") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const Target target(options_of(version, false, false));
    auto requirement = mutual();
    requirement.allow_tls12 = true;
    const auto client = with_identity();
    for (int round = 0; round < 2; ++round) {  // the second one must not slip through by resumption
      auto link = connect(client, target.context.get(), requirement);
      CHECK(exchange_code(link) == "tls_client_certificate_not_requested");
      CHECK(link.client->error().message.find("a.example") != std::string::npos);
    }
    requirement.require_client_certificate_request = false;
    auto link = connect(client, target.context.get(), requirement);
    CHECK(exchange_code(link) == "ok");
    CHECK_FALSE(link.client->facts().client_certificate_sent);
  }
}

TEST_CASE("a target that distrusts the workload's certificate is reported as such") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    auto options = options_of(version, true, true);
    options.client_authority_pem = world().root.pem();
    const Target target(options);
    auto requirement = mutual();
    requirement.allow_tls12 = true;
    auto link = connect(with_identity(), target.context.get(), requirement);
    CHECK(exchange_code(link) == "tls_client_certificate_refused");
    CHECK(link.client->error().message.find("trust domain prod") != std::string::npos);
  }
}

TEST_CASE("a target that insists on a certificate refuses a workload without one") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const Target target(options_of(version, true, true));
    auto requirement = by_name("a.example");
    requirement.allow_tls12 = true;
    auto link = connect(make_client(world().anchors()), target.context.get(), requirement);
    CHECK(exchange_code(link) == "tls_client_certificate_refused");
    CHECK(link.client->error().message.find("without a client certificate") != std::string::npos);
  }
}

TEST_CASE("a target that only asks serves a workload without a certificate") {
  const Target target(options_of(TLS1_3_VERSION, true, false));
  auto link = connect(make_client(world().anchors()), target.context.get(), by_name("a.example"));
  CHECK(exchange_code(link) == "ok");
  CHECK_FALSE(link.client->facts().client_certificate_sent);
}

TEST_CASE("a certificate that the target cannot take counts as not presented") {
  auto options = options_of(TLS1_3_VERSION, true, false);
  options.client_signature_algorithms = "rsa_pss_rsae_sha256";
  auto shape = server_shape("DNS:a.example");
  shape.rsa = true;
  const auto certificate = issue(shape, &world().root);
  options.client_authority_pem = world().bundle.pem();
  const auto context = make_server_context(certificate, options);
  auto link = connect(with_identity(), context.get(), by_name("a.example"));
  CHECK(exchange_code(link) == "ok");
  CHECK_FALSE(link.client->facts().client_certificate_sent);
  auto strict = connect(with_identity(), context.get(), mutual());
  CHECK(exchange_code(strict) == "tls_client_certificate_refused");
}

TEST_CASE("the reason of a refusal is found even if sending fails first") {
  auto options = options_of(TLS1_3_VERSION, true, true);
  options.client_authority_pem = world().root.pem();
  const Target target(options);
  auto link = connect(with_identity(), target.context.get(), mutual());
  REQUIRE(link.handshake() == IoStatus::ok);
  link.server.reset();  // after its alert
  const std::string request(1000, 'x');
  const auto result = link.client->write(as_bytes(request));
  CHECK(result.status == IoStatus::failed);
  CHECK(link.client->error().code == "tls_client_certificate_refused");
}
