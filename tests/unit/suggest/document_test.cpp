// What is suggested, and that it is no more and no less than what was recorded.
#include "suggest/document.hpp"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "policy/cases.hpp"
#include "policy/engine.hpp"
#include "records.hpp"

using namespace callgate;
using namespace callgate::suggest;
using namespace callgate::suggest::testing;

namespace {

Suggestion suggested(const std::vector<v1::Record>& records, EvidenceOptions options = {}) {
  Evidence evidence(options);
  for (const auto& record : records)
    evidence.add(record);
  auto made = suggest::suggest(evidence, {"shop", "", policy::Mode::enforce});
  REQUIRE(made.has_value());
  INFO(made->text);
  return *made;
}

std::string outcome(const Suggestion& suggestion, std::string_view function, std::string_view target,
                    std::string_view process = "/usr/bin/curl") {
  auto parsed = policy::parse_policies(suggestion.text, "s");
  REQUIRE_FALSE(has_error(parsed.findings));
  const auto engine = policy::Engine::compile(parsed.policies, policy::Mode::enforce);
  policy::CallText text;
  text.workload = "shop";
  text.identity = "spiffe://callgate.local/user/shop";
  text.process = process;
  REQUIRE(text.set_call(function, target));
  return std::string(policy::to_string(policy::outcome_of(policy::decide_case(*engine, text))));
}

}  // namespace

TEST_CASE("a suggestion allows what was called, and nothing beside it") {
  const auto made = suggested({http("GET", "/v1/customers/42"), http("GET", "/v1/customers/43"),
                               http("HEAD", "/v1/customers/44"), http("POST", "/v1/refunds")});
  CHECK(contains(made.text, "host: \"api.test\", port: 8080, upstream: {tls: verified}"));
  CHECK(contains(made.text, "- \"http:GET /v1/customers/*\""));
  // One value does not vary, whatever other methods did.
  CHECK(contains(made.text, "- \"http:HEAD /v1/customers/44\""));
  CHECK(contains(made.text, "such as /v1/customers/42"));
  CHECK(contains(made.text, "{workload: \"shop\", process: \"/usr/bin/curl\"}"));
  CHECK(made.calls == 4);
  CHECK(outcome(made, "http:GET /v1/customers/77", "api.test:8080") == "allow");
  CHECK(outcome(made, "http:POST /v1/refunds", "api.test:8080") == "allow");
  for (const auto& [function, target] : {std::pair{"http:DELETE /v1/customers/42", "api.test:8080"},
                                         {"http:GET /v1/customers/42/cards", "api.test:8080"},
                                         {"http:GET /v1/customers", "api.test:8080"},
                                         {"http:GET /v1/customers/42", "api.test:8081"},
                                         {"http:GET /v1/customers/42", "other.test:8080"},
                                         {"tcp:connect", "api.test:8080"},
                                         {"tls:connect api.test", "api.test:8080"}}) {
    CAPTURE(function, target);
    CHECK(outcome(made, function, target) == "deny");
  }
  CHECK(outcome(made, "http:POST /v1/refunds", "api.test:8080", "/tmp/curl") == "deny");
}

TEST_CASE("methods of one pattern are one function") {
  const auto made = suggested({http("GET", "/v1/a"), http("GET", "/v1/a"), http("PUT", "/v1/a")});
  CHECK(contains(made.text, "- \"http:GET,PUT /v1/a\""));
  CHECK(contains(made.text, "# 3 calls (GET 2, PUT 1), 2026-11-26T"));
  CHECK(made.functions == 1);
}

TEST_CASE("a pattern that another one covers is left out") {
  const auto made = suggested({http("GET", "/u/5f2b9c1d"), http("GET", "/u/me"), http("PUT", "/u/me")});
  CHECK(contains(made.text, "# 2 calls, "));
  CHECK(contains(made.text, "- \"http:GET /u/*\""));
  CHECK_FALSE(contains(made.text, "GET,PUT"));
  CHECK(outcome(made, "http:PUT /u/5f2b9c1d", "api.test:8080") == "deny");
}

TEST_CASE("hosts and ports of one document do not lend each other their functions") {
  auto other_port = call("http:GET api.test/b", "api.test", 9090);
  const auto made =
      suggested({http("GET", "/a"), other_port, call("http:GET web.test/c", "web.test", 8080),
                 call("tcp:connect", "10.77.2.2", 5432), call("tls:connect s3.test", "s3.test", 443)});
  const std::vector<std::pair<std::string, std::string>> all{{"http:GET /a", "api.test:8080"},
                                                             {"http:GET /b", "api.test:9090"},
                                                             {"http:GET /c", "web.test:8080"},
                                                             {"tcp:connect", "10.77.2.2:5432"},
                                                             {"tls:connect s3.test", "s3.test:443"}};
  for (const auto& [function, own] : all) {
    for (const auto& [other, target] : all) {
      if (function.starts_with("tls:") && target != own) continue;  // names its host itself
      CAPTURE(function, target);
      CHECK(outcome(made, function, target) == (own == target ? "allow" : "deny"));
    }
  }
  CHECK(contains(made.text, "when: 'target.host == \"10.77.2.2\" && target.port == 5432'"));
}

TEST_CASE("what was denied on purpose is listed, and kept out of the patterns that would catch it") {
  std::vector<v1::Record> records{denied(http("GET", "/items/secret")), denied(http("GET", "/items/secret")),
                                  denied(http("GET", "/admin")), denied(http("GET", "/items/sometimes")),
                                  http("GET", "/items/sometimes")};
  for (int i = 0; i < 40; ++i)
    records.push_back(http("GET", fmt::format("/items/name-{}", i)));
  const auto made = suggested(records);
  CHECK(contains(made.text, "- \"http:GET /items/*\""));
  CHECK(contains(made.text, "and 3 denied (6.8 %)"));
  CHECK(
      contains(made.text,
               "#   2 calls: http:GET api.test/items/secret port 8080, by rule no-admin of policy tests: "));
  CHECK(outcome(made, "http:GET /items/name-99", "api.test:8080") == "allow");
  CHECK(outcome(made, "http:GET /items/secret", "api.test:8080") == "deny");
  CHECK(outcome(made, "http:GET /items/sometimes", "api.test:8080") == "allow");
  CHECK(outcome(made, "http:GET /admin", "api.test:8080") == "deny");
  CHECK(contains(made.text, "not for services; let go at other times, so allowed here (session"));
  CHECK(made.denied == 4);
}

TEST_CASE("calls that were let go count however they ended, and those of observed policies too") {
  auto failed = http("GET", "/failed");
  failed.set_outcome(v1::OUTCOME_FAILED);
  auto refused = http("GET", "/refused");
  refused.set_outcome(v1::OUTCOME_REFUSED);
  auto would = observed(http("GET", "/would"), false);
  would.mutable_decision()->set_rule("no-would");
  const auto made = suggested({failed, refused, observed(http("GET", "/seen"), true), would});
  for (const char* path : {"/failed", "/refused", "/seen", "/would"})
    CHECK(outcome(made, fmt::format("http:GET {}", path), "api.test:8080") == "allow");
  CHECK(contains(made.text, "1 did not complete"));
  CHECK(contains(made.text, "# 1 call would be denied by observed policies: rule no-would of policy watch"));
}

TEST_CASE("what no policy can allow is said, and not covered") {
  auto bad = denied(http("GET", "/a%2fb"), "");
  bad.mutable_decision()->set_reason("ambiguous_path");
  bad.set_outcome(v1::OUTCOME_REFUSED);
  auto port = denied(http("GET", "/port"), "");
  port.mutable_decision()->set_reason("port_mismatch");
  port.set_outcome(v1::OUTCOME_REFUSED);
  v1::Record flow;
  flow.set_kind(v1::Record::KIND_FLOW);
  flow.set_error_code("protocol_not_http1");
  auto cut = http("GET", "/" + std::string(8200, 'a'));
  cut.set_text_truncated(true);
  const auto made = suggested({http("GET", "/"), bad, port, flow, cut, call("http:GET a..b/", "a..b", 80),
                               call("http:OPTIONS api.test*", "api.test", 8080)});
  CHECK(contains(made.text, "# Not covered, no policy can speak of the path: 2 calls"));
  CHECK(contains(made.text, "# Not covered, refused whatever policies say: 1 call"));
  CHECK(contains(made.text, "# Not covered, the function was too long for its record: 1 call"));
  CHECK(contains(made.text, "# Not covered, no policy can name the host: 1 call"));
  CHECK(contains(made.text, "# Without any call, protocol_not_http1: 1 connection"));
  CHECK(made.functions == 1);
}

TEST_CASE("upstream says what was recorded, and what is weak says so loudly") {
  auto mutual = call("http:GET pay.test/", "pay.test", 8080);
  mutual.mutable_upstream()->set_required(v1::TLS_REQUIREMENT_MUTUAL);
  mutual.mutable_upstream()->mutable_address()->set_port(8443);
  mutual.mutable_upstream()->mutable_certificate()->set_spiffe_id("spiffe://callgate.local/ns/pay/sa/api");
  auto plain = call("http:GET old.test/", "old.test", 80);
  plain.mutable_upstream()->set_required(v1::TLS_REQUIREMENT_PLAINTEXT);
  auto unverified = call("http:GET odd.test/", "odd.test", 80);
  unverified.mutable_upstream()->set_required(v1::TLS_REQUIREMENT_UNVERIFIED);
  auto older = call("tls:connect s3.test", "s3.test", 443);
  older.mutable_upstream()->set_tls_version("TLSv1.2");
  const auto made = suggested(
      {mutual, plain, unverified, older, observed(call("http:GET new.test/", "new.test", 80), true)});
  CHECK(contains(made.text,
                 "upstream: {port: 8443, tls: mutual, identity: \"spiffe://callgate.local/ns/pay/sa/api\"}"));
  CHECK(contains(made.text, "# WARNING: plaintext."));
  CHECK(contains(made.text, "host: \"old.test\", port: 80, upstream: {tls: plaintext}"));
  CHECK(contains(made.text, "# WARNING: unverified."));
  CHECK(contains(made.text, "upstream: {tls: verified, min_version: \"1.2\"}"));
  CHECK(contains(made.text, "# No call to it was enforced"));
}

TEST_CASE("a plaintext call is not suggested where TLS worked too") {
  auto plain = http("GET", "/");
  plain.mutable_upstream()->set_required(v1::TLS_REQUIREMENT_PLAINTEXT);
  const auto made = suggested({plain, http("GET", "/")});
  CHECK(contains(made.text, "upstream: {tls: verified}"));
  CHECK_FALSE(contains(made.text, "WARNING"));
}

TEST_CASE("callers are narrowed by process only where every process is known") {
  auto unknown = http("GET", "/a");
  unknown.mutable_process()->set_resolved(false);
  const auto made = suggested({http("GET", "/a"), unknown});
  CHECK(contains(made.text,
                 "# Not narrowed by process: of 1 call it is not known.\n    - {workload: \"shop\"}\n"));
  CHECK(outcome(made, "http:GET /a", "api.test:8080", "/bin/other") == "allow");
}

TEST_CASE("workloads of a namespace get a policy of it, those of several a policy for all") {
  auto one = http("GET", "/a");
  one.mutable_workload()->set_spiffe_id("spiffe://prod/ns/shop/sa/web");
  CHECK(
      contains(suggested({one}).text, "kind: CallPolicy\nmetadata: {name: \"shop\", namespace: \"shop\"}\n"));
  auto two = one;
  two.mutable_workload()->set_spiffe_id("spiffe://prod/ns/other/sa/web");
  CHECK(contains(suggested({one, two}).text, "kind: ClusterCallPolicy\nmetadata: {name: \"shop\"}\n"));
}

TEST_CASE("an observed connection that stopped being HTTP is no call for tcp:connect") {
  auto upgrade = observed(http("GET", "/chat"), true);
  upgrade.set_status(101);
  upgrade.set_error_code("protocol_lost");
  auto rest = observed(call("tcp:connect", "10.77.2.2", 8080), true);
  rest.set_session_id(upgrade.session_id());
  for (const auto& records : {std::vector{rest, upgrade}, std::vector{upgrade, rest}}) {
    const auto made = suggested(records);
    CHECK(contains(made.text, "1 went on as another protocol (WebSocket)"));
    CHECK_FALSE(contains(made.text, "tcp:connect"));
  }
  const auto alone = suggested({rest});
  CHECK(contains(alone.text, "tcp:connect"));
}

TEST_CASE("methods that the language has no word for are told by a condition") {
  const auto made = suggested({http("get", "/a"), http("M_SEARCH", "/b")});
  CHECK(outcome(made, "http:get /a", "api.test:8080") == "allow");
  CHECK(outcome(made, "http:M_SEARCH /b", "api.test:8080") == "allow");
  CHECK(outcome(made, "http:GET /a", "api.test:8080") == "deny");
  CHECK(outcome(made, "http:get /b", "api.test:8080") == "deny");
}

TEST_CASE("two names at one address for tcp:connect are pointed out") {
  const auto made = suggested({call("tcp:connect", "10.77.2.2", 5432), call("tcp:connect", "db.test", 5432)});
  CHECK(contains(made.text, "# WARNING: db.test was dialled at the same address"));
}

TEST_CASE("much evidence makes general patterns, not a long document or much memory") {
  Evidence evidence({32, 10, 2000});
  for (int i = 0; i < 20'000; ++i)
    evidence.add(http("GET", fmt::format("/s{}/word{}x/more{}y/last{}z", i % 20, i % 29, i % 31, i % 23)));
  for (int i = 0; i < 20; ++i)
    evidence.add(call(fmt::format("http:GET h{}.test/", i), fmt::format("h{}.test", i), 80));
  std::size_t nodes = 0;
  for (const auto& [name, target] : evidence.targets())
    nodes += target.nodes();
  CHECK(nodes <= 2000);
  CHECK(evidence.targets().size() == 10);
  CHECK(evidence.not_kept() == 11);
  const auto made = suggest::suggest(evidence, {"shop", "few", policy::Mode::observe});
  REQUIRE(made.has_value());
  CHECK(made->functions <= 600);
  CHECK(contains(made->text, "# WARNING: not complete. 11 calls more"));
  CHECK(contains(made->text, "mode: observe"));
}

TEST_CASE("nothing to suggest is an error that says why") {
  Evidence none;
  CHECK(suggest::suggest(none, {"shop", "", policy::Mode::observe}).error().code == "nothing_recorded");
  Evidence only_denied;
  only_denied.add(denied(http("GET", "/")));
  CHECK(contains(suggest::suggest(only_denied, {"shop", "", policy::Mode::observe}).error().message,
                 "none was let go"));
}
