// What a target's certificate must prove, and what the refused caller is told.
#include <catch2/catch.hpp>

#include "link.hpp"

using namespace callgate;
using namespace callgate::test;
using transport::IoStatus;
using transport::TargetRequirement;

namespace {

struct Outcome {
  std::string code;
  std::string message;
  transport::TlsFacts facts;
};

Outcome attempt(const Issued& server, const TargetRequirement& requirement,
                const ServerOptions& options = {}) {
  const auto context = make_server_context(server, options);
  auto link = connect(make_client(world().anchors(), world().identity()), context.get(), requirement);
  Outcome outcome;
  outcome.code = link.handshake_code();
  outcome.message = link.client->error().message;
  outcome.facts = link.client->facts();
  // A refused target must not have completed the handshake: it would take that for a caller.
  if (outcome.code != "ok" && requirement.verify) CHECK_FALSE(link.server->established());
  return outcome;
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a trusted certificate with the right name is accepted, and described") {
  const auto outcome = attempt(world().server("DNS:payments.internal"), by_name("payments.internal"));
  CHECK(outcome.code == "ok");
  CHECK(outcome.facts.verified);
  CHECK_FALSE(outcome.facts.resumed);
  CHECK_FALSE(outcome.facts.client_certificate_sent);
  CHECK(outcome.facts.version == "TLSv1.3");
  CHECK(outcome.facts.cipher == "TLS_AES_128_GCM_SHA256");
  REQUIRE(outcome.facts.peer);
  CHECK(outcome.facts.peer->subject == "CN=server");
  CHECK(outcome.facts.peer->sha256_hex.size() == 64);
  CHECK(outcome.facts.peer->spiffe_id.empty());
  CHECK(outcome.facts.peer->not_after > wall_ns() / 1'000'000'000U);
}

TEST_CASE("names match as whole DNS names, with wildcards for one leftmost label") {
  const auto exact = world().server("DNS:Api.Example,DNS:*.wild.example,DNS:f*.part.example,DNS:*");
  for (const char* name : {"api.example", "API.EXAMPLE", "api.example.", "a.wild.example"}) {
    INFO(name);
    CHECK(attempt(exact, by_name(name)).code == "ok");
  }
  for (const char* name :
       {"example", "x.api.example", "wild.example", "a.b.wild.example", "foo.part.example", "single"}) {
    INFO(name);
    CHECK(attempt(exact, by_name(name)).code == "tls_name_mismatch");
  }
}

TEST_CASE("a name in the subject alone proves nothing") {
  auto shape = server_shape("");
  shape.common_name = "payments.internal";
  CHECK(attempt(issue(shape, &world().root), by_name("payments.internal")).code == "tls_name_mismatch");
}

TEST_CASE("a wrong name is refused, and both names are told") {
  const auto outcome = attempt(
      world().server(
          "DNS:a.example,DNS:b.example,IP:10.0.0.1,DNS:c.example,DNS:d.example,DNS:e.example,DNS:f.example"),
      by_name("payments.internal"));
  CHECK(outcome.code == "tls_name_mismatch");
  CHECK(contains(outcome.message, "payments.internal"));
  CHECK(contains(outcome.message, "a.example, b.example, 10.0.0.1, c.example, d.example and 2 more"));
  CHECK(contains(outcome.message, "issuer CN=test root"));
  REQUIRE(outcome.facts.peer);
  CHECK_FALSE(outcome.facts.verified);
}

TEST_CASE("IP literals are proved by IP names only") {
  const auto server = world().server("IP:192.0.2.7,IP:2001:db8::7,DNS:192.0.2.8");
  CHECK(attempt(server, by_name("192.0.2.7")).code == "ok");
  CHECK(attempt(server, by_name("2001:db8::7")).code == "ok");
  CHECK(attempt(server, by_name("[2001:DB8:0::7]")).code == "ok");
  CHECK(attempt(server, by_name("192.0.2.8")).code == "tls_name_mismatch");
  CHECK(attempt(server, by_name("2001:db8::8")).code == "tls_name_mismatch");
}

TEST_CASE("SNI carries DNS names and no IP literals") {
  for (const auto& [name, sent] :
       {std::pair{"payments.internal", "payments.internal"}, std::pair{"10.0.0.1", ""}}) {
    const auto context = make_server_context(world().server("DNS:payments.internal,IP:10.0.0.1"));
    auto link = connect(make_client(world().anchors()), context.get(), by_name(name));
    REQUIRE(link.handshake() == IoStatus::ok);
    const char* const seen = SSL_get_servername(link.server->ssl(), TLSEXT_NAMETYPE_host_name);
    CHECK(std::string(seen != nullptr ? seen : "") == sent);
  }
}

TEST_CASE("an expired certificate is refused with its date") {
  auto shape = server_shape("DNS:payments.internal");
  shape.ends_in = -60;
  const auto outcome = attempt(issue(shape, &world().root), by_name("payments.internal"));
  CHECK(outcome.code == "tls_expired");
  CHECK(contains(
      outcome.message,
      "the certificate of payments.internal (subject CN=server, issuer CN=test root) expired on 20"));
  CHECK(outcome.message.back() == 'Z');
}

TEST_CASE("a certificate of tomorrow is refused with its date") {
  auto shape = server_shape("DNS:payments.internal");
  shape.begins_in = 1800;
  CHECK(attempt(issue(shape, &world().root), by_name("payments.internal")).code == "tls_not_yet_valid");
}

TEST_CASE("an unknown authority and a self-signed certificate are refused") {
  const auto stranger = issue(authority_shape("stranger"));
  const auto leaf = issue(server_shape("DNS:payments.internal"), &stranger);
  auto outcome = attempt(leaf, by_name("payments.internal"));
  CHECK(outcome.code == "tls_untrusted");
  CHECK(contains(outcome.message, "issuer CN=stranger"));
  CHECK(contains(outcome.message, "the system's roots"));
  CHECK(attempt(leaf, by_name("payments.internal"), {.chain_pem = stranger.pem()}).code == "tls_untrusted");
  outcome = attempt(issue(server_shape("DNS:payments.internal")), by_name("payments.internal"));
  CHECK(outcome.code == "tls_untrusted");
  CHECK(contains(outcome.message, "self-signed"));
}

TEST_CASE("an authority of the same name with another key is refused") {
  const auto impostor = issue(authority_shape("test root"));
  CHECK(attempt(issue(server_shape("DNS:a.example"), &impostor), by_name("a.example")).code ==
        "tls_untrusted");
}

TEST_CASE("chains lead through intermediates that the target sends") {
  const auto intermediate = issue(authority_shape("intermediate"), &world().root);
  const auto leaf = issue(server_shape("DNS:a.example"), &intermediate);
  CHECK(attempt(leaf, by_name("a.example"), {.chain_pem = intermediate.pem()}).code == "ok");
  CHECK(attempt(leaf, by_name("a.example")).code == "tls_untrusted");
  const auto no_authority = issue(server_shape("DNS:b.example"), &world().root);
  const auto forged = issue(server_shape("DNS:a.example"), &no_authority);
  CHECK(attempt(forged, by_name("a.example"), {.chain_pem = no_authority.pem()}).code == "tls_untrusted");
  auto old = authority_shape("old intermediate");
  old.ends_in = -60;
  const auto expired = issue(old, &world().root);
  const auto outcome = attempt(issue(server_shape("DNS:a.example"), &expired), by_name("a.example"),
                               {.chain_pem = expired.pem()});
  CHECK(outcome.code == "tls_expired");
  CHECK(contains(outcome.message, "old intermediate"));
}

TEST_CASE("a certificate that is not for servers is refused") {
  auto shape = server_shape("DNS:a.example");
  CHECK(
      attempt(issue(shape.with(NID_ext_key_usage, "clientAuth"), &world().root), by_name("a.example")).code ==
      "tls_untrusted");
  shape = server_shape("DNS:a.example");
  CHECK(
      attempt(issue(shape.with(NID_ext_key_usage, "serverAuth"), &world().root), by_name("a.example")).code ==
      "ok");
}

TEST_CASE("the trust bundle and the system's roots are kept apart") {
  const auto of_bundle = issue(server_shape("DNS:a.example"), &world().bundle);
  const auto of_system = world().server("DNS:a.example");
  auto requirement = by_name("a.example");
  CHECK(attempt(of_bundle, requirement).code == "tls_untrusted");
  CHECK(attempt(of_system, requirement).code == "ok");
  requirement.trust_bundle = true;
  CHECK(attempt(of_bundle, requirement).code == "ok");
  const auto outcome = attempt(of_system, requirement);
  CHECK(outcome.code == "tls_untrusted");
  CHECK(contains(outcome.message, "the trust bundle"));
}

TEST_CASE("a SPIFFE ID is proved by an X.509-SVID of the bundle, whatever the name") {
  const auto svid = issue(svid_shape("spiffe://prod/ns/pay/sa/api"), &world().bundle);
  auto requirement = by_identity("spiffe://prod/ns/pay/sa/api");
  requirement.name = "payments.internal";
  const auto outcome = attempt(svid, requirement);
  CHECK(outcome.code == "ok");
  CHECK(outcome.facts.verified);
  CHECK(outcome.facts.peer->spiffe_id == "spiffe://prod/ns/pay/sa/api");
}

TEST_CASE("another SPIFFE ID is refused, and both are told") {
  const auto svid = issue(svid_shape("spiffe://prod/ns/pay/sa/api"), &world().bundle);
  for (const char* id : {"spiffe://prod/ns/pay/sa/ap", "spiffe://prod/ns/pay/sa/api2",
                         "spiffe://prod/ns/pay/sa/API", "spiffe://prod/ns/pay"}) {
    const auto outcome = attempt(svid, by_identity(id));
    CHECK(outcome.code == "tls_identity_mismatch");
    CHECK(contains(outcome.message, id));
    CHECK(contains(outcome.message, "proves spiffe://prod/ns/pay/sa/api"));
  }
}

TEST_CASE("a certificate that breaks the rules of X.509-SVIDs proves no SPIFFE ID") {
  const auto code = [](const CertificateShape& shape) {
    return attempt(issue(shape, &world().bundle), by_identity("spiffe://prod/a")).code;
  };
  CHECK(code(svid_shape("spiffe://prod/a")) == "ok");
  CHECK(code(svid_base().with(NID_subject_alt_name, "URI:spiffe://prod/a,URI:spiffe://prod/b")) ==
        "tls_identity_mismatch");
  CHECK(code(server_shape("DNS:prod")) == "tls_identity_mismatch");
  CHECK(code(server_shape("URI:spiffe://prod/a").with(NID_ext_key_usage, "serverAuth")) ==
        "tls_identity_mismatch");
}

TEST_CASE("a SPIFFE ID is never proved by the system's roots") {
  const auto svid = issue(svid_shape("spiffe://prod/a"), &world().root);
  CHECK(attempt(svid, by_identity("spiffe://prod/a")).code == "tls_untrusted");
}

TEST_CASE("an intermediate of a trust domain is held to the rules for signers") {
  const auto code = [](const CertificateShape& shape) {
    const auto intermediate = issue(shape, &world().bundle);
    return attempt(issue(svid_shape("spiffe://prod/a"), &intermediate), by_identity("spiffe://prod/a"),
                   {.chain_pem = intermediate.pem()})
        .code;
  };
  CHECK(code(authority_shape("i")) == "ok");
  CHECK(code(authority_shape("i").with(NID_subject_alt_name, "URI:spiffe://prod/signer")) == "tls_untrusted");
  CHECK(code(authority_shape("i").with(NID_subject_alt_name, "URI:spiffe://other")) == "tls_untrusted");
}

TEST_CASE("an expired X.509-SVID is refused") {
  auto shape = svid_shape("spiffe://prod/a");
  shape.ends_in = -1;
  CHECK(attempt(issue(shape, &world().bundle), by_identity("spiffe://prod/a")).code == "tls_expired");
}

TEST_CASE("without verification everything is accepted, and marked") {
  TargetRequirement requirement = by_name("payments.internal");
  requirement.verify = false;
  const auto outcome = attempt(issue(server_shape("DNS:other")), requirement);
  CHECK(outcome.code == "ok");
  CHECK_FALSE(outcome.facts.verified);
  CHECK(outcome.facts.peer);
}

TEST_CASE("hostile text in certificates is made printable in messages and facts") {
  auto shape = server_shape("DNS:other.example");
  shape.common_name = "evil\n\x1b[31m" + std::string(40, 'x');
  const auto outcome = attempt(issue(shape, &world().root), by_name("a.example"));
  CHECK(outcome.code == "tls_name_mismatch");
  for (const std::string& text : {outcome.message, outcome.facts.peer->subject}) {
    for (const char c : text)
      CHECK((c >= 0x20 && c <= 0x7e));
  }
}

TEST_CASE("requirements that prove nothing or cannot be met are refused at once") {
  const auto code = [](const TargetRequirement& requirement, bool with_identity = true) {
    auto pair = make_socket_pair();
    const auto client =
        make_client(world().anchors(), with_identity ? world().identity() : transport::ClientIdentity{});
    const auto outcome = transport::TlsConnection::start(client, std::move(pair.client), requirement);
    return outcome ? std::string("ok") : outcome.error().code;
  };
  CHECK(code(by_name("a.example")) == "ok");
  for (const std::string name :
       {"", ".example", "a..example", "-a.example", "a-.example", "*.example", "a example", "a.example:443",
        "1.2.3", "0x7f.1", "a/b", "ä.example", "a\nb", "2001:db8::7:80:90:1:2:3:4"}) {
    INFO(name);
    CHECK(code(by_name(name)) == "bad_requirement");
  }
  CHECK(code(by_name(std::string("a.example\0.b", 12))) == "bad_requirement");
  CHECK(code(by_name(std::string(64, 'a') + ".example")) == "bad_requirement");
  CHECK(code(by_identity("spiffe://other/a")) == "bad_requirement");
  CHECK(code(by_identity("spiffe://Prod/a")) == "bad_requirement");
  auto mutual = by_name("a.example");
  mutual.require_client_certificate_request = true;
  CHECK(code(mutual) == "ok");
  CHECK(code(mutual, false) == "bad_requirement");
}

TEST_CASE("clients are not made from unusable material") {
  const auto code = [](const transport::ClientIdentity& identity, const transport::TrustAnchors& anchors) {
    const auto outcome = transport::TlsClient::make(identity, anchors);
    return outcome ? std::string("ok") : outcome.error().code;
  };
  const auto good = world().identity();
  CHECK(code(good, world().anchors()) == "ok");
  CHECK(code({}, {}) == "ok");
  auto identity = good;
  identity.private_key_pem = world().root.key_pem();
  CHECK(code(identity, world().anchors()) == "bad_identity");
  identity.private_key_pem = "garbage";
  CHECK(code(identity, world().anchors()) == "bad_key");
  identity = good;
  identity.certificate_chain_pem = "garbage";
  CHECK(code(identity, world().anchors()) == "bad_certificate");
  CHECK(code(good, {"garbage", "", "prod"}) == "bad_certificate");
  CHECK(code(good, {"", world().workload.pem(), "prod"}) == "bad_bundle");
  auto cut = world().root.pem();
  cut.resize(cut.size() / 2);
  CHECK(code(good, {world().root.pem() + cut, "", "prod"}) == "bad_certificate");
}

TEST_CASE("an empty bundle trusts nobody") {
  const auto context = make_server_context(issue(svid_shape("spiffe://prod/a"), &world().bundle));
  auto anchors = world().anchors();
  anchors.bundle_pem.clear();
  CHECK(connect(make_client(anchors), context.get(), by_identity("spiffe://prod/a")).handshake_code() ==
        "tls_untrusted");
}
