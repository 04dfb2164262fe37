// The commands that explain, test and compare policies, on the examples and on small ones.
#include <filesystem>
#include <fstream>
#include <sstream>

#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include "command_run.hpp"

using namespace callgate::cli;
using namespace callgate::cli::testing;

namespace {

const std::string examples = CALLGATE_POLICIES;

std::string document(const std::string& rules) {
  return "apiVersion: callgate.dev/v1\nkind: CallPolicy\nmetadata: {name: p}\nspec:\n  callers: [{workload: "
         "w}]\n"
         "  targets: [{host: api.test}]\n  rules: [" +
         rules + "]\n";
}

}  // namespace

TEST_CASE("policy explain shows the way to a decision, and its status says whether the call passes") {
  const std::vector<std::string> common{"--function", "http:POST /v1/refunds",
                                        "--target",   "payments.internal:8080",
                                        "--header",   "Content-Type: application/json"};
  const Directory directory;
  const auto explain = [&](const std::string& body, const std::string& time) {
    std::vector<std::string> arguments{"policy", "explain", "--caller", "support-eu"};
    arguments.insert(arguments.end(), common.begin(), common.end());
    arguments.insert(arguments.end(), {"--body", directory.write("body.json", body), "--time", time,
                                       examples + "/office-hours.yaml"});
    return run(arguments);
  };
  const auto allowed = explain(R"({"amount": 5})", "2026-11-26T11:00:00Z");
  CHECK(allowed.status == exit_ok);
  CHECK(contains(allowed.out, "allow    refund: matches, when true"));
  CHECK(contains(allowed.out, "approve  large-refund: matches, when false"));
  CHECK(contains(allowed.out, "decision: allow by rule refund of policy refunds"));
  CHECK(contains(allowed.out, "upstream: mutual TLS, as spiffe://prod.example/ns/pay/sa/api, port 8443"));
  const auto late = explain(R"({"amount": 5})", "2026-11-26T20:00:00Z");
  CHECK(late.status == exit_finding);
  CHECK(contains(late.out, "deny by rule office-hours of policy refunds: refunds are made on weekdays"));
  std::vector<std::string> without{"policy", "explain", "--caller", "support-eu"};
  without.insert(without.end(), common.begin(), common.end());
  without.insert(without.end(), {"--time", "2026-11-26T11:00:00Z", examples + "/office-hours.yaml"});
  const auto withheld = run(without);
  CHECK(withheld.status == exit_finding);
  CHECK(contains(withheld.out, "when needs the body"));
  CHECK(contains(withheld.out, "give the body with --body"));
  const auto faulty = explain("{}", "2026-11-26T11:00:00Z");
  CHECK(faulty.status == exit_finding);
  CHECK(contains(faulty.out, "when error: no_such_key: amount"));
}

TEST_CASE("policy explain says what it cannot read, and what the agent would refuse is shown") {
  CHECK(contains(
      run({"policy", "explain", "--caller", "w", "--function", "foo", examples + "/ci-jobs.yaml"}).err,
      "`foo` is no function"));
  CHECK(run({"policy", "explain", "--caller", "w"}).status == exit_usage);
  const Directory directory;
  const auto path = directory.write(
      "p.yaml", document("{name: r, functions: [\"*\"], action: allow, mask: [{json: $.card}]}"));
  const auto shown = run({"policy", "explain", "--caller", "w", "--function", "http:GET api.test/", path});
  CHECK(shown.status == exit_ok);
  CHECK(contains(shown.out, "mask: $.card"));
  CHECK(run({"policy", "check", path}).status == exit_finding);
}

TEST_CASE("policy explain gives programs everything") {
  const auto ran = run({"--json", "policy", "explain", "--caller", "spiffe://callgate.local/user/ci/ci-4711",
                        "--function", "http:GET registry.internal/packages/a", examples + "/ci-jobs.yaml"});
  CHECK(ran.status == exit_ok);
  const auto json = boost::json::parse(ran.out);
  CHECK(json.at("decision").as_string() == "allow");
  CHECK(json.at("rule").as_string() == "fetch");
  CHECK(json.at("record").as_string() == "no payloads");
  CHECK(json.at("policies").at(0).at("rules").as_array().size() == 3);
}

TEST_CASE("policy test runs the cases beside policies, and a wrong one is shown") {
  const auto good = run({"policy", "test", examples});
  CHECK(good.status == exit_ok);
  CHECK(contains(good.out, " 0 failed, in 8 files"));
  const Directory directory;
  (void)directory.write("p.yaml", document("{name: read, functions: [\"http:GET /**\"], action: allow}"));
  const auto cases =
      directory.write("p.cases.yaml",
                      "policies: [p.yaml]\ncases:\n"
                      "  - {workload: w, call: \"http:GET api.test:80/\", expect: allow, rule: read}\n"
                      "  - {workload: w, call: \"http:PUT api.test:80/\", expect: allow, rule: read}\n");
  const auto bad = run({"policy", "test", directory.path});
  CHECK(bad.status == exit_finding);
  CHECK(contains(bad.out, "p.cases.yaml:4: http:PUT api.test:80/"));
  CHECK(contains(bad.out, "expected allow by rule read, decided deny by policy p: no_rule_matches"));
  CHECK(contains(bad.out, "1 passed, 1 failed, in 1 file\n"));
  CHECK(contains(run({"--json", "policy", "test", cases}).out, "\"passed\":1"));
  (void)directory.write("p.cases.yaml",
                        "policies: [p.yaml]\ncases:\n  - {workload: w, call: x, expect: allow}\n");
  const auto unreadable = run({"policy", "test", directory.path});
  CHECK(unreadable.status == exit_finding);
  CHECK(contains(unreadable.err, "p.cases.yaml:3:25: error: `x` is no function"));
  CHECK(contains(unreadable.err, "the case does not say why"));
  CHECK(run({"policy", "test", "/proc/self"}).status == exit_not_found);
}

TEST_CASE("policy diff says what changed, and which calls are decided differently") {
  const Directory directory;
  const auto before =
      directory.write("old.yaml", document("{name: read, functions: [\"http:GET /**\"], action: allow}, "
                                           "{name: gone, functions: [\"http:PUT /**\"], action: deny}"));
  const auto after = directory.write(
      "new.yaml",
      document("{name: read, functions: [\"http:GET /v1/**\"], action: allow, limit: {calls: 1, per: 1m}}, "
               "{name: fresh, functions: [\"http:POST /**\"], action: allow}"));
  const auto cases =
      directory.write("c.cases.yaml",
                      "policies: [old.yaml]\ncases:\n"
                      "  - {workload: w, call: \"http:GET api.test:80/\", expect: allow, rule: read}\n"
                      "  - {workload: w, call: \"http:GET api.test:80/v1/a\", expect: allow, rule: read}\n");
  const auto ran = run({"policy", "diff", before, after, "--cases", cases});
  CHECK(ran.status == exit_finding);
  CHECK(contains(ran.out, "changed  p: rule read"));
  CHECK(contains(ran.out, "function: - http:GET /**"));
  CHECK(contains(ran.out, "function: + http:GET /v1/**"));
  CHECK(contains(ran.out, "obligation: + limit: 1 calls in 1m"));
  CHECK(contains(ran.out, "removed  p: rule gone"));
  CHECK(contains(ran.out, "added    p: rule fresh"));
  CHECK(contains(ran.out, "1 of 2 calls are decided differently"));
  const auto same = run({"policy", "diff", before, before, "--cases", cases});
  CHECK(same.status == exit_ok);
  CHECK(contains(same.out, "the policies say the same"));
  CHECK(run({"policy", "diff", before, "/nowhere.yaml"}).status == exit_usage);
}

TEST_CASE("policy check takes cases along, and warns without failing") {
  const auto ran =
      run({"policy", "check", examples + "/office-hours.yaml", examples + "/office-hours.cases.yaml"});
  CHECK(ran.status == exit_ok);
  CHECK(contains(ran.out, "warning: this build has no approvals yet"));
  CHECK(contains(ran.out, "refunds: ok, enforce, 4 rules"));
}

TEST_CASE("the schema in policies/ is the one that this build prints") {
  std::ifstream file(examples + "/schema/policy.json");
  std::stringstream kept;
  kept << file.rdbuf();
  CHECK(run({"policy", "schema"}).out == kept.str());
  CHECK_NOTHROW(boost::json::parse(kept.str()));
}
