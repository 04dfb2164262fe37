// Resumed sessions: cheaper handshakes that prove no less.
#include <catch2/catch.hpp>

#include "link.hpp"

using namespace callgate;
using namespace callgate::test;
using transport::IoStatus;

namespace {

std::uint64_t clock_shift_seconds = 0;
std::uint64_t shifted_clock() {
  return wall_ns() + clock_shift_seconds * 1'000'000'000U;
}

struct ClockShift {
  explicit ClockShift(std::uint64_t seconds) { clock_shift_seconds = seconds; }
  ~ClockShift() { clock_shift_seconds = 0; }
};

ServerOptions of_version(int version) {
  ServerOptions options;
  options.minimum_version = options.maximum_version = version;
  options.ask_client_certificate = true;
  options.client_authority_pem = world().bundle.pem();
  return options;
}

transport::TargetRequirement requirement_of(const std::string& name) {
  auto requirement = by_name(name);
  requirement.allow_tls12 = true;
  return requirement;
}

// One exchange with one answer, which also brings the tickets; closed as the proxy does.
transport::TlsFacts visit(const std::shared_ptr<transport::TlsClient>& client, SSL_CTX* server,
                          const transport::TargetRequirement& requirement) {
  auto link = connect(client, server, requirement);
  REQUIRE(link.handshake() == IoStatus::ok);
  link.server->send("hello");
  std::string answer;
  REQUIRE(link.read(answer, 5).status == IoStatus::ok);
  CHECK((SSL_session_reused(link.server->ssl()) == 1) == link.client->facts().resumed);
  link.client->shut_down();
  link.server->pump();
  CHECK(link.server->saw_close_notify());
  return link.client->facts();
}

}  // namespace

TEST_CASE("a second connection resumes the session of the first, with the same facts") {
  const auto server = world().server("DNS:a.example");
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const auto context = make_server_context(server, of_version(version));
    const auto client = make_client(world().anchors(), world().identity());
    const auto first = visit(client, context.get(), requirement_of("a.example"));
    CHECK_FALSE(first.resumed);
    for (int round = 0; round < 5; ++round) {
      const auto next = visit(client, context.get(), requirement_of("a.example"));
      CHECK(next.resumed);
      CHECK(next.verified);
      CHECK(next.client_certificate_sent);
      CHECK(next.peer == first.peer);
      CHECK(next.version == first.version);
    }
  }
}

TEST_CASE("a connection that was merely dropped leaves its session resumable") {
  const auto context = make_server_context(world().server("DNS:a.example"), of_version(TLS1_3_VERSION));
  const auto client = make_client(world().anchors());
  {
    auto link = connect(client, context.get(), requirement_of("a.example"));
    REQUIRE(link.handshake() == IoStatus::ok);
    link.server->send("hello");
    std::string answer;
    REQUIRE(link.read(answer, 5).status == IoStatus::ok);
  }
  CHECK(visit(client, context.get(), requirement_of("a.example")).resumed);
}

TEST_CASE("tickets of TLS 1.3 are used once") {
  const auto context = make_server_context(world().server("DNS:a.example"), of_version(TLS1_3_VERSION));
  const auto client = make_client(world().anchors());
  REQUIRE_FALSE(visit(client, context.get(), requirement_of("a.example")).resumed);
  // The target sent two tickets; connections that run at the same time take one each, and the third has none.
  std::vector<Link> links;
  std::vector<bool> resumed;
  for (int i = 0; i < 3; ++i) {
    links.push_back(connect(client, context.get(), requirement_of("a.example")));
    REQUIRE(links.back().handshake() == IoStatus::ok);
    resumed.push_back(links.back().client->facts().resumed);
  }
  CHECK(resumed == std::vector<bool>{true, true, false});
}

TEST_CASE("a session is resumed for an equal requirement only") {
  const auto context =
      make_server_context(world().server("DNS:a.example,DNS:b.example"), of_version(TLS1_3_VERSION));
  const auto client = make_client(world().anchors(), world().identity());
  const auto base = requirement_of("a.example");
  REQUIRE_FALSE(visit(client, context.get(), base).resumed);
  REQUIRE(visit(client, context.get(), base).resumed);
  auto other = requirement_of("b.example");
  CHECK_FALSE(visit(client, context.get(), other).resumed);
  other = base;
  other.port = 8443;
  CHECK_FALSE(visit(client, context.get(), other).resumed);
  other = base;
  other.allow_tls12 = false;
  CHECK_FALSE(visit(client, context.get(), other).resumed);
  other = base;
  other.require_client_certificate_request = true;
  CHECK_FALSE(visit(client, context.get(), other).resumed);
  other = base;
  other.verify = false;
  CHECK_FALSE(visit(client, context.get(), other).resumed);
  CHECK(visit(client, context.get(), base).resumed);
}

TEST_CASE("an unverified session never becomes a verified one") {
  const auto context = make_server_context(issue(server_shape("DNS:a.example")), of_version(TLS1_3_VERSION));
  const auto client = make_client(world().anchors());
  auto unverified = requirement_of("a.example");
  unverified.verify = false;
  CHECK_FALSE(visit(client, context.get(), unverified).verified);
  const auto again = visit(client, context.get(), unverified);
  CHECK(again.resumed);
  CHECK_FALSE(again.verified);
  CHECK(connect(client, context.get(), requirement_of("a.example")).handshake_code() == "tls_untrusted");
}

TEST_CASE("a certificate that expired meanwhile does not pass by resumption") {
  const auto server = world().server("DNS:a.example");
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const auto context = make_server_context(server, of_version(version));
    const auto client = make_client(world().anchors(), {}, shifted_clock);
    REQUIRE_FALSE(visit(client, context.get(), requirement_of("a.example")).resumed);
    REQUIRE(visit(client, context.get(), requirement_of("a.example")).resumed);
    const ClockShift later(2 * 3600);
    auto link = connect(client, context.get(), requirement_of("a.example"));
    CHECK(link.handshake_code() == "tls_expired");
  }
}

TEST_CASE("a certificate that expires during the resumed handshake does not pass either") {
  const auto context = make_server_context(world().server("DNS:a.example"), of_version(TLS1_3_VERSION));
  const auto client = make_client(world().anchors(), {}, shifted_clock);
  REQUIRE_FALSE(visit(client, context.get(), requirement_of("a.example")).resumed);
  auto link = connect(client, context.get(), requirement_of("a.example"));
  const ClockShift later(2 * 3600);
  CHECK(link.handshake_code() == "tls_expired");
}

TEST_CASE("the root's end ends resumption too") {
  auto shape = authority_shape("short root");
  shape.ends_in = 600;
  const auto root = issue(shape);
  const auto context =
      make_server_context(issue(server_shape("DNS:a.example"), &root), of_version(TLS1_3_VERSION));
  const auto client = make_client({root.pem(), "", ""}, {}, shifted_clock);
  REQUIRE_FALSE(visit(client, context.get(), requirement_of("a.example")).resumed);
  REQUIRE(visit(client, context.get(), requirement_of("a.example")).resumed);
  const ClockShift later(1200);
  CHECK(connect(client, context.get(), requirement_of("a.example")).handshake_code() == "tls_expired");
}

TEST_CASE("new trust anchors begin without sessions") {
  const auto context = make_server_context(world().server("DNS:a.example"), of_version(TLS1_3_VERSION));
  REQUIRE_FALSE(visit(make_client(world().anchors()), context.get(), requirement_of("a.example")).resumed);
  const auto stranger = issue(authority_shape("stranger"));
  const auto client = make_client({stranger.pem(), "", ""});
  CHECK(connect(client, context.get(), requirement_of("a.example")).handshake_code() == "tls_untrusted");
}

TEST_CASE("a target that does not know the ticket is verified anew") {
  const auto requirement = requirement_of("a.example");
  const auto client = make_client(world().anchors());
  const auto known = make_server_context(world().server("DNS:a.example"), of_version(TLS1_3_VERSION));
  REQUIRE_FALSE(visit(client, known.get(), requirement).resumed);
  const auto restarted = make_server_context(world().server("DNS:a.example"), of_version(TLS1_3_VERSION));
  const auto facts = visit(client, restarted.get(), requirement);
  CHECK_FALSE(facts.resumed);
  CHECK(facts.verified);
  const auto impostor = make_server_context(issue(server_shape("DNS:a.example")), of_version(TLS1_3_VERSION));
  CHECK(connect(client, impostor.get(), requirement).handshake_code() == "tls_untrusted");
}

TEST_CASE("the cache of sessions is bounded, and forgets the least recently used target") {
  const auto context = make_server_context(world().server("DNS:*.many.example"), of_version(TLS1_3_VERSION));
  const auto client = make_client(world().anchors());
  const auto name = [](int i) { return requirement_of("host" + std::to_string(i) + ".many.example"); };
  for (int i = 0; i < 33; ++i)
    REQUIRE_FALSE(visit(client, context.get(), name(i)).resumed);
  CHECK(visit(client, context.get(), name(32)).resumed);
  CHECK(visit(client, context.get(), name(1)).resumed);
  CHECK_FALSE(visit(client, context.get(), name(0)).resumed);
}
