#include <string>

#include <catch2/catch.hpp>

#include "documents.hpp"

using namespace callgate::policy;
using namespace callgate::policy::testing;

namespace {

const std::string good = R"(apiVersion: callgate.dev/v1
kind: CallPolicy
metadata: {name: payments, namespace: shop}
spec:
  mode: enforce
  callers:
    - workload: checkout
      process: /usr/bin/python3*
  targets:
    - host: payments.internal
      port: 8080
      upstream: {port: 8443, tls: mutual, identity: spiffe://prod/ns/pay/sa/api}
  rules:
    - name: read
      functions: ["http:GET /v1/customers/*"]
      action: allow
      reason: reading is fine
  record: {payloads: full, limit: 1MiB, durability: written}
)";

// `good` with the first occurrence of a text replaced.
std::string with(const std::string& from, const std::string& to) {
  std::string text = good;
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

struct Fault {
  std::string text;
  int line;
  int column;
  std::string message;
  std::string hint;
};

void check(const Fault& fault) {
  CAPTURE(fault.text.substr(0, 1000));
  const auto parsed = parse_policies(fault.text, "p.yaml");
  CHECK(parsed.policies.empty());
  REQUIRE_FALSE(parsed.findings.empty());
  const auto& finding = parsed.findings[0];
  CHECK(finding.severity == Finding::Severity::error);
  CHECK(finding.file == "p.yaml");
  CHECK(finding.line == fault.line);
  CHECK(finding.column == fault.column);
  CHECK_THAT(finding.message, Catch::Contains(fault.message));
  CHECK_THAT(finding.hint, Catch::Contains(fault.hint));
}

}  // namespace

TEST_CASE("a document is read as it was meant") {
  const auto parsed = parse_policies(good, "p.yaml");
  REQUIRE(parsed.findings.empty());
  REQUIRE(parsed.policies.size() == 1);
  const auto& policy = parsed.policies[0];
  CHECK(qualified_name(policy) == "shop/payments");
  CHECK(policy.mode == Mode::enforce);
  REQUIRE(policy.callers.size() == 1);
  CHECK(policy.callers[0].workload == "checkout");
  CHECK(policy.callers[0].process == "/usr/bin/python3*");
  REQUIRE(policy.targets.size() == 1);
  CHECK(policy.targets[0].host == "payments.internal");
  CHECK(policy.targets[0].port == 8080);
  const Upstream upstream{
      TlsRequirement::mutual, Trust::bundle, false, 8443, "spiffe://prod/ns/pay/sa/api", {}};
  CHECK(policy.targets[0].upstream == upstream);
  REQUIRE(policy.rules.size() == 1);
  CHECK(policy.rules[0] == Rule{"read", {"http:GET /v1/customers/*"}, Action::allow, "reading is fine"});
  CHECK(policy.record == RecordRequirement{true, 1U << 20U});
}

TEST_CASE("what is left out has the safe default") {
  const auto parsed = parse_policies(R"(apiVersion: callgate.dev/v1
kind: CallPolicy
metadata: {name: p}
spec:
  callers: [{workload: "*"}]
  targets: [{host: "*"}]
  rules: [{name: r, functions: ["*"], action: deny}]
)",
                                     "p.yaml");
  REQUIRE(parsed.policies.size() == 1);
  CHECK(parsed.policies[0].mode == Mode::enforce);
  CHECK(parsed.policies[0].targets[0].upstream == Upstream{});
  CHECK(parsed.policies[0].targets[0].upstream.tls == TlsRequirement::verified);
  CHECK_FALSE(parsed.policies[0].targets[0].upstream.allow_tls12);
  CHECK(parsed.policies[0].record == RecordRequirement{});
}

TEST_CASE("several documents of a text are read, and one error rejects all") {
  CHECK(parse_policies(good + "---\n" + with("name: payments", "name: other"), "p.yaml").policies.size() ==
        2);
  const auto parsed = parse_policies(good + "---\n" + with("kind: CallPolicy", "kind: X"), "p.yaml");
  CHECK(parsed.policies.empty());
  REQUIRE(parsed.findings.size() == 1);
  CHECK(parsed.findings[0].line == 21);
  CHECK(parsed.findings[0].column == 7);
}

TEST_CASE("what is unknown or misspelt is an error with a suggestion") {
  check({with("kind:", "knid:"), 2, 1, "unknown field `knid` in the document", "did you mean `kind`?"});
  check({with("metadata:", "Metadata:"), 3, 1, "unknown field `Metadata`", "did you mean `metadata`?"});
  check({with("  targets:", "  taget:"), 9, 3, "unknown field `taget` in `spec`", "did you mean `targets`?"});
  check({with("workload:", "worklaod:"), 7, 7, "unknown field `worklaod`", "did you mean `workload`?"});
  check({with("host:", "hots:"), 10, 7, "unknown field `hots`", "did you mean `host`?"});
  check({with("tls:", "ssl:"), 12, 30, "unknown field `ssl`", "did you mean `tls`?"});
  check({with("action:", "zzz:"), 16, 7, "unknown field `zzz`", "known here: `name`, `functions`"});
  check({with("durability:", "durable:"), 18, 41, "unknown field `durable`", "known here: `payloads`"});
  check({with("callgate.dev/v1", "callgate.dev/v2"), 1, 13, "`apiVersion` cannot be `callgate.dev/v2`",
         "did you mean `callgate.dev/v1`?"});
  check({with("mode: enforce", "mode: enforced"), 5, 9, "`mode` cannot be `enforced`",
         "did you mean `enforce`?"});
  check({with("tls: mutual", "tls: none"), 12, 35, "`tls` cannot be `none`", "known here: `verified`"});
  check({with("action: allow", "action: permit"), 16, 15, "`action` cannot be `permit`", "`allow`, `deny`"});
}

TEST_CASE("what this build cannot honour is refused by name, never ignored") {
  const std::string hint = "nothing that a policy asks for is ignored";
  const std::string obligation = "reason: reading is fine";
  const std::vector<std::pair<std::string, std::string>> obligations{
      {"mask", "mask: [{detect: [card]}]"},
      {"credential", "credential: {from: key, header: Authorization}"},
  };
  for (const auto& [name, text] : obligations) {
    const std::string document = with(obligation, text);
    const int column = static_cast<int>(text.find(": ")) + 9;
    check({document, 17, column, "cannot honour `" + name + "` yet", hint});
    CHECK(parse_policies(document, "p.yaml", Unhonoured::accepted).policies.size() == 1);
  }
  check({with("http:GET /v1/customers/*", "sql:DELETE *"), 15, 19, "cannot honour functions of `sql` yet",
         "remove"});
}

TEST_CASE("what a record is to be, and for how long, is read") {
  const auto record = [](const std::string& text) {
    const auto parsed = parse_policies(with("durability: written", text), "p.yaml");
    if (has_error(parsed.findings)) FAIL(parsed.findings[0].message);
    return parsed.policies.at(0).record;
  };
  CHECK(record("durability: synced").durability == Durability::synced);
  CHECK(record("durability: async").durability == Durability::async);
  CHECK(record("durability: written").durability == Durability::written);
  CHECK(record("retain: 90d").durability == Durability::written);
  CHECK(record("retain: 90d").retain == std::chrono::hours(24 * 90));
  CHECK(record("retain: 36h").retain == std::chrono::hours(36));
  CHECK(record("durability: written").retain == std::chrono::seconds(0));
  check({with("durability: written", "durability: syncd"), 18, 53, "`durability` cannot be `syncd`",
         "did you mean `synced`?"});
  check({with("durability: written", "retain: 0d"), 18, 49, "must be a time", "90d"});
  check({with("durability: written", "retain: 11000d"), 18, 49, "must be a time, of ten years at most", ""});
  check({with("durability: written", "retain: 90"), 18, 49, "must be a time", "90d"});
}

TEST_CASE("callers, targets and obligations are read as they were meant") {
  const auto parsed = parse_policies(R"(apiVersion: callgate.dev/v1
kind: ClusterCallPolicy
metadata: {name: all, labels: {team: a}}
spec:
  callers:
    - {namespace: "shop-*", serviceAccount: checkout, identity: "spiffe://prod/ns/*/sa/*"}
    - subject: {issuer: "https://id.example", name: "a*", groups: [finance, "ops-*"], claims: {tenant: "t*"}}
  targets:
    - {cidr: 10.0.0.0/8, port: 443}
    - {host: "*.internal", cidr: "fd00::/8"}
    - {identity: spiffe://prod/ns/pay/sa/api}
  rules:
    - name: refunds
      functions: ["http:POST /v1/refunds"]
      when: call.body.amount > 100.0
      action: approve
      approval: {approvers: [group:finance], count: 2, hold: 30s, grant: 10m}
      limit: [{calls: 60, per: 1m, by: [target, caller.id, target]}, {bytes: 1MiB, per: 1d}]
      record: {payloads: none, retain: 90d}
      mask: [{json: "$.items[*].card"}, {header: X-Token}, {detect: [email]}]
      credential: {from: key, header: Authorization, format: "Bearer {secret}"}
)",
                                     "p.yaml", Unhonoured::accepted);
  if (has_error(parsed.findings)) FAIL(parsed.findings[0].message);
  const auto& policy = parsed.policies.at(0);
  CHECK(policy.kind == Kind::cluster);
  CHECK(policy.callers[0].namespace_name == "shop-*");
  CHECK(policy.callers[0].service_account == "checkout");
  CHECK(policy.callers[0].identity == "spiffe://prod/ns/*/sa/*");
  CHECK(policy.callers[1].subject->groups == std::vector<std::string>{"finance", "ops-*"});
  CHECK(policy.callers[1].subject->claims == std::vector<ClaimPattern>{{"tenant", "t*"}});
  CHECK(policy.targets[0].range->text() == "10.0.0.0/8");
  CHECK(policy.targets[1].range->text() == "fd00::/8");
  CHECK(policy.targets[2].upstream.identity == "spiffe://prod/ns/pay/sa/api");
  const auto& rule = policy.rules[0];
  CHECK(rule.action == Action::approve);
  CHECK(rule.when == "call.body.amount > 100.0");
  CHECK(rule.obligations.approval->count == 2);
  CHECK(rule.obligations.approval->grant == std::chrono::minutes(10));
  REQUIRE(rule.obligations.limits.size() == 2);
  CHECK(rule.obligations.limits[0].calls == 60);
  CHECK(rule.obligations.limits[0].by == std::vector<LimitKey>{LimitKey::caller, LimitKey::target});
  CHECK(rule.obligations.limits[1].bytes == 1U << 20U);
  CHECK(rule.obligations.limits[1].per == std::chrono::hours(24));
  CHECK(rule.obligations.record->retain == std::chrono::hours(24 * 90));
  CHECK(rule.obligations.masks.size() == 3);
  CHECK(rule.obligations.credential->format == "Bearer {secret}");
}

TEST_CASE("obligations that make no sense are errors at their place") {
  const std::string at = "reason: reading is fine";
  check({with(at, "limit: {per: 1m}"), 17, 14, "limits nothing", "calls"});
  check({with(at, "limit: {calls: 1}"), 17, 14, "`limit` lacks `per`", ""});
  check({with(at, "limit: {calls: 0, per: 1m}"), 17, 22, "whole number above 0", ""});
  check({with(at, "limit: {calls: 1, per: 1w}"), 17, 30, "must be a time", "90d"});
  check(
      {with(at, "limit: {calls: 1, per: 1m, by: caller.name}"), 17, 38, "cannot be counted by", "caller.id"});
  check({with(at, "approval: {approvers: [group:a]}"), 17, 17, "needs `action: approve`", ""});
  check({with("action: allow", "action: approve"), 16, 15, "needs `approval`", "approvers"});
  check({with(at, "mask: [{json: a.b}]"), 17, 13, "cannot honour `mask`", ""});
  const auto mask = parse_policies(with(at, "mask: [{json: a.b}]"), "p.yaml", Unhonoured::accepted);
  REQUIRE(mask.findings.size() == 1);
  CHECK_THAT(mask.findings[0].message, Catch::Contains("no path into JSON"));
  check(
      {with("action: allow\n      reason: reading is fine", "action: deny\n      limit: {calls: 1, per: 1m}"),
       17, 14, "no meaning with `action: deny`", ""});
}

TEST_CASE("targets and callers that make no sense are errors at their place") {
  check({with("host: payments.internal", "cidr: 10.0.0.1/8"), 10, 13, "bits set behind its prefix",
         "10.0.0.0/8"});
  check({with("host: payments.internal", "cidr: 10.0.0.0/33"), 10, 13, "prefix length of 0 to 32", ""});
  check({with("host: payments.internal", "cidr: internal"), 10, 13, "no range of IP addresses", ""});
  check({with("workload: checkout", "identity: \"prod/*\""), 7, 17, "no SPIFFE ID can match", "spiffe://"});
  check({with("workload: checkout", "identity: \"spiffe://a**/b\""), 7, 17, "shares the segment", ""});
  check({with("workload: checkout", "subject: {}"), 7, 16, "the subject has no field", "issuer"});
  check({with("workload: checkout", "subject: {issuer: \"https://*\"}"), 7, 25, "compared whole", ""});
  check(
      {with("kind: CallPolicy", "kind: ClusterCallPolicy"), 3, 39, "ClusterCallPolicy has no namespace", ""});
  check({with("action: allow", "action: deny")
             .replace(with("action: allow", "action: deny").find("host: payments.internal"), 23,
                      "identity: spiffe://prod/ns/pay/sa/api"),
         10, 7, "cannot depend on what a target proves", "host"});
}

TEST_CASE("a condition that does not check rejects the document at its place") {
  const std::string at = "reason: reading is fine";
  check({with(at, "when: call.methd == \"GET\""), 17, 18, "call has no field `methd`",
         "did you mean `method`?"});
  check({with(at, "when: \"call.size > \\\"a\\\"\""), 17, 24, "`>` is not for int and string", ""});
  check({with(at, "when: call.size"), 17, 18, "is a int, and a bool is needed", ""});
  check({with(at, "when: call.path.matches(\"(\")"), 17, 31, "the pattern cannot be used", ""});
  check({with(at, "when: now.getHours(\"Europe/Berln\") < 8"), 17, 26, "no time zone", "Europe/Berlin"});
  check({with(at, "when: call.size > 1 &&"), 17, 29, "ends where a value is expected", ""});
  check({with(at, "when: \"\""), 17, 13, "`when` is empty", ""});
  // In a text of its own lines, its second line is the file's fourth behind the name.
  check({with(at, "when: |\n        call.size > 1 &&\n        call.sise < 9"), 19, 1, "no field `sise`",
         "size"});
}

TEST_CASE("advice comes as warnings, and rejects nothing") {
  const auto warned = [](const std::string& text, const std::string& message) {
    const auto parsed = parse_policies(text, "p.yaml");
    if (has_error(parsed.findings)) FAIL(parsed.findings[0].message);
    CHECK(parsed.policies.size() == 1);
    REQUIRE_FALSE(parsed.findings.empty());
    CHECK(parsed.findings[0].severity == Finding::Severity::warning);
    CHECK_THAT(parsed.findings[0].message, Catch::Contains(message));
  };
  const std::string more =
      "reason: reading is fine\n    - {name: other, functions: [\"http:GET /v1/**\"], action: ";
  warned(with("reason: reading is fine", more + "deny}"),
         "the rule `read` never decides: `other` denies all");
  warned(with("reason: reading is fine", more + "allow}"), "the rule `read` adds nothing to `other`");
  warned(with("http:GET /v1/customers/*", "http:GET other.internal/v1/**"),
         "can never match: no target has that host");
  warned(with("process: /usr/bin/python3*", "process: \"*/python3\""), "anywhere, such as below /tmp");
  warned(with("process: /usr/bin/python3*", "subject: {name: a}"), "reads no tokens yet");
  warned(with("action: allow", "action: approve\n      approval: {approvers: [user:ada]}"),
         "no approvals yet");
  CHECK(parse_policies(good, "p.yaml").findings.empty());
  CHECK(parse_policies(
            with("reason: reading is fine",
                 "when: call.size > 1\n" +
                     ("    - {name: other, functions: [\"http:GET /v1/customers/*\"], action: allow}" +
                      std::string())),
            "p.yaml")
            .findings.empty());
}

TEST_CASE("an empty or missing list never means everything") {
  check({with("callers:\n    - workload: checkout\n      process: /usr/bin/python3*", "callers: []"), 6, 12,
         "`callers` is empty", "write \"*\""});
  check({with("callers:\n    - workload: checkout\n      process: /usr/bin/python3*", "callers:"), 6, 3,
         "`callers` is empty", "write \"*\""});
  check({with("  callers:\n    - workload: checkout\n      process: /usr/bin/python3*\n", ""), 5, 3,
         "`spec` lacks `callers`", "write \"*\""});
  check({with("    - workload: checkout\n      process: /usr/bin/python3*", "    - {}"), 7, 7,
         "the caller has no field", "`workload: \"*\"`"});
  check({with("[\"http:GET /v1/customers/*\"]", "[]"), 15, 18, "`functions` is empty", "write \"*\""});
  check({with("      functions: [\"http:GET /v1/customers/*\"]\n", ""), 14, 7, "the rule lacks `functions`",
         ""});
  check({with("host: payments.internal\n      port", "port"), 10, 7, "the target lacks `host`", ""});
  check({with("workload: checkout", "workload: \"\""), 7, 17, "the pattern is empty", ""});
  check({with("workload: checkout", "workload:"), 7, 7, "`workload` is empty", ""});
  check({with("host: payments.internal", "host: \"\""), 10, 13, "is empty", ""});
}

TEST_CASE("wrong types are errors") {
  check({with("port: 8080", "port: \"8080\""), 11, 13, "number from 1 to 65535", "without quotes"});
  check({with("port: 8080", "port: 0"), 11, 13, "number from 1 to 65535", ""});
  check({with("port: 8080", "port: 65536"), 11, 13, "number from 1 to 65535", ""});
  check({with("port: 8080", "port: 0x50"), 11, 13, "number from 1 to 65535", ""});
  check({with("port: 8080", "port: [80]"), 11, 13, "number from 1 to 65535", ""});
  check({with("{name: payments, namespace: shop}", "payments"), 3, 11, "`metadata` must be a map", "`name`"});
  check({with("workload: checkout", "workload: [checkout]"), 7, 17, "`workload` must be a text", ""});
  check({with("[\"http:GET /v1/customers/*\"]", "\"*\""), 15, 18, "`functions` must be a list", "- "});
  check({with("[\"http:GET /v1/customers/*\"]", "[[a]]"), 15, 19, "an element of `functions` must be a text",
         ""});
  check({with("limit: 1MiB", "limit: 1MB"), 18, 35, "number of bytes", "1MiB"});
  check({with("limit: 1MiB", "limit: 0"), 18, 35, "number of bytes", "1MiB"});
  check({with("limit: 1MiB", "limit: -1"), 18, 35, "number of bytes", "1MiB"});
  check({with("limit: 1MiB", "limit: 99999999999GiB"), 18, 35, "number of bytes", "1MiB"});
  check({"[]", 1, 1, "the document must be a map", ""});
  check({"text", 1, 1, "the document must be a map", ""});
}

TEST_CASE("wrong values are errors at their place") {
  check({with("name: payments", "name: Payments"), 3, 18, "not a DNS label", "lower-case"});
  check({with("name: payments", "name: a.b"), 3, 18, "not a DNS label", "lower-case"});
  check({with("namespace: shop", "namespace: -"), 3, 39, "not a DNS label", "lower-case"});
  check({with("name: read", "name: read it"), 14, 13, "not a DNS label", ""});
  check({with("payments.internal", "\"pay*.internal\""), 10, 13, "inside", "*.pay.internal"});
  check({with("payments.internal", "payments.internal:80"), 10, 13, "port", "`port`"});
  check({with("payments.internal", "\"[::1]\""), 10, 13, "brackets", "without brackets"});
  check({with("payments.internal", "1.2.3.4.5"), 10, 13, "IPv4", ""});
  check({with("http:GET /v1/customers/*", "http:GET"), 15, 19, "path is missing", "/**"});
  check({with("process: /usr/bin/python3*", "process: python3"), 8, 16, "absolute path", "`*/python3`"});
  check({with("identity: spiffe://prod/ns/pay/sa/api", "identity: spiffe://prod/*"), 12, 53,
         "not a SPIFFE ID", ""});
  check({with("identity: spiffe://prod/ns/pay/sa/api", "identity: https://prod/x"), 12, 53, "not a SPIFFE ID",
         ""});
  check({with("reason: reading is fine", "reason: \"a\\nb\""), 17, 15, "one line", ""});
  check({with("  record:", "    - {name: read, functions: [\"*\"], action: deny}\n  record:"), 18, 14,
         "is there twice", ""});
  check({with("  rules:", "    - {host: PAYMENTS.internal, port: 8080}\n  rules:"), 13, 7, "is there twice",
         ""});
  const auto twice = parse_policies(good + "---\n" + good, "p.yaml");
  REQUIRE(twice.findings.size() == 1);
  CHECK(twice.findings[0].line == 22);
  CHECK_THAT(twice.findings[0].message, Catch::Contains("`shop/payments`"));
}

TEST_CASE("requirements that contradict each other are errors") {
  const std::string upstream = "{port: 8443, tls: mutual, identity: spiffe://prod/ns/pay/sa/api}";
  check({with(upstream, "{trust: system, identity: spiffe://prod/x}"), 12, 25, "trust bundle", "bundle"});
  check({with(upstream, "{tls: unverified, identity: spiffe://prod/x}"), 12, 45,
         "no meaning with `tls: unverified`", ""});
  check(
      {with(upstream, "{tls: unverified, trust: bundle}"), 12, 42, "no meaning with `tls: unverified`", ""});
  check({with(upstream, "{tls: plaintext, identity: spiffe://prod/x}"), 12, 44,
         "no meaning with `tls: plaintext`", ""});
  check({with(upstream, "{tls: plaintext, min_version: \"1.3\"}"), 12, 47, "no meaning with `tls: plaintext`",
         ""});
  check({with(upstream, "{tls: plaintext, trust: system}"), 12, 41, "no meaning with `tls: plaintext`", ""});
  check({with("payments.internal\n      port: 8080\n      upstream: " + upstream,
              "\"*.internal\"\n      upstream: {tls: plaintext}"),
         11, 23, "`plaintext` needs an exact host", "without `*`"});
  check({with("payloads: full", "payloads: none"), 18, 35, "`limit` has no meaning", ""});
  check({with("payments.internal\n      port: 8080", "payments.internal\n      protocol: opaque"), 11, 17,
         "`protocol: opaque` needs a port", "port"});
  check({with("      port: 8080", "      port: 8080\n      protocol: opague"), 12, 17, "opague", "opaque"});
  CHECK(parse_policies(with(upstream, "{tls: plaintext}"), "p").findings.empty());
  CHECK(parse_policies(with(upstream, "{tls: unverified, min_version: \"1.2\"}"), "p").findings.empty());
  CHECK(
      parse_policies(with(upstream, "{tls: mutual, trust: bundle, min_version: 1.2}"), "p").findings.empty());
}

TEST_CASE("YAML that says one thing and means another is an error") {
  check({with("kind: CallPolicy", "kind: &k CallPolicy"), 2, 7, "anchors are not allowed", "quotes"});
  check({with("namespace: shop", "namespace: *k"), 3, 39, "aliases", "quotes"});
  check({with("workload: checkout", "workload: *"), 7, 18, "aliases", "quotes"});
  check({with("kind: CallPolicy", "kind: !!str CallPolicy"), 2, 7, "tags are not allowed", ""});
  check({with("metadata: {", "metadata: !x {"), 3, 11, "tags are not allowed", ""});
  check({with("mode: enforce", "<<: {mode: enforce}"), 5, 3, "merge keys are not allowed", ""});
  check({with("mode: enforce", "mode: enforce\n  mode: observe"), 6, 3, "`mode` is there twice", "line 5"});
  check({with("{name: payments, namespace: shop}", "{name: payments, name: shop}"), 3, 28,
         "`name` is there twice", "line 3"});
  check({with("{name: payments, namespace: shop}", "{[a]: b}"), 3, 12, "key must be a plain text", ""});
  check({with("{name: payments, namespace: shop}", "{~: b}"), 3, 12, "key must be a plain text", ""});
  check({"a: [", 1, 1, "not valid YAML", ""});
  check({"a: b: c", 1, 5, "not valid YAML", ""});
}

TEST_CASE("hostile texts are refused quickly") {
  check({"", 1, 1, "holds no policy", "apiVersion"});
  check({"# nothing\n", 1, 1, "holds no policy", "apiVersion"});
  check({"---\n", 2, 1, "the document is empty", ""});
  check({"a: b\nc: \xff", 2, 4, "not UTF-8", ""});
  check({"a: \xc0\xae", 1, 4, "not UTF-8", ""});
  check({std::string("a: b\0c", 6), 1, 5, "control character", ""});
  check({"a: \x1b[31m", 1, 4, "control character", ""});
  check({std::string((1U << 20U) + 1, '#'), 0, 0, "larger than 1048576 bytes", "split"});
  check({std::string(40, '[') + std::string(40, ']'), 1, 33, "nested more than 32 deep", ""});
  check({std::string(500'000, '['), 1, 17, "nested more than 32 deep", ""});
  std::string wide = "[";
  for (int i = 0; i < 200'000; ++i)
    wide += "a,";
  check({wide + "]", 1, 200'000, "more than 100,000 values", ""});
  std::string keys;
  for (int i = 0; i < 1000; ++i)
    keys += "k" + std::to_string(i) + ": 1\n";
  const auto many = parse_policies(keys, "p");
  CHECK(many.findings.size() == 51);
  CHECK_THAT(many.findings.back().message, Catch::Contains("more findings"));
}

TEST_CASE("a finding is shown with its line, a caret and a hint") {
  const std::string text = "kind: CallPolicy\n  täget: x\r\n";
  const Finding finding{Finding::Severity::error, "p.yaml", 2, 10, "unknown field", "did you mean `target`?"};
  CHECK(format_finding(finding, text) ==
        "p.yaml:2:10: error: unknown field\n    täget: x\n          ^\n  hint: did you mean `target`?\n");
  CHECK(format_finding({Finding::Severity::warning, "p.yaml", 9, 1, "m", ""}, text) ==
        "p.yaml:9:1: warning: m\n");
  CHECK(format_finding({Finding::Severity::error, "dir", 0, 0, "unreadable", "create it"}, "") ==
        "dir: error: unreadable\n  hint: create it\n");
  // Nothing of a document drives the terminal.
  const auto parsed = parse_policies(with("kind: CallPolicy", "\"\\e[31m\": 1"), "p");
  REQUIRE_FALSE(parsed.findings.empty());
  CHECK(parsed.findings[0].message.find('\x1b') == std::string::npos);
}
