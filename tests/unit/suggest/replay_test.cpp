// What sets of policies say of recorded calls, and what they cannot say.
#include "suggest/replay.hpp"

#include <numeric>

#include <catch2/catch.hpp>

#include "records.hpp"

using namespace callgate;
using namespace callgate::suggest;
using namespace callgate::suggest::testing;

namespace {

std::vector<policy::CallPolicy> policies(const std::string& rules, const std::string& more = "",
                                         const std::string& callers = "{workload: shop}") {
  const auto parsed = policy::parse_policies(
      "apiVersion: callgate.dev/v1\nkind: CallPolicy\nmetadata: {name: p}\nspec:\n  callers: [" + callers +
          "]\n  targets: [{host: api.test, port: 8080}" + more + "]\n  rules:\n" + rules,
      "p");
  REQUIRE_FALSE(has_error(parsed.findings));
  return parsed.policies;
}

const std::string read_rule = "    - {name: read, functions: [\"http:GET /**\"], action: allow}\n";

using Policies = std::vector<policy::CallPolicy>;

Replay replayed(const Policies& before, const Policies& after, const std::vector<v1::Record>& records) {
  Replay replay(Judge(before, policy::Mode::observe), Judge(after, policy::Mode::observe));
  for (const auto& record : records)
    replay.add(record);
  return replay;
}

std::uint64_t undecidable(const Replay& replay) {
  return std::accumulate(replay.undecidable().begin(), replay.undecidable().end(), std::uint64_t{0},
                         [](std::uint64_t sum, const auto& entry) { return sum + entry.second; });
}

Judgement judged(const std::string& rules, const v1::Record& record,
                 const std::string& callers = "{workload: shop}") {
  return Judge(policies(rules, "", callers), policy::Mode::observe).judge(record);
}

}  // namespace

TEST_CASE("calls that are decided differently are put together, with an example") {
  const auto before = policies(read_rule);
  const auto after = policies("    - {name: read, functions: [\"http:GET /v1/**\"], action: allow}\n");
  const auto replay =
      replayed(before, after,
               {http("GET", "/v1/a"), http("GET", "/v2/a"), http("GET", "/v2/b"), http("PUT", "/v1/a")});
  CHECK(replay.decided() == 4);
  CHECK(replay.different_calls() == 2);
  const auto groups = replay.different();
  REQUIRE(groups.size() == 1);
  CHECK(groups[0].calls == 2);
  CHECK(groups[0].other_outcome);
  CHECK(groups[0].target == "api.test:8080");
  CHECK(groups[0].method == "http:GET");
  CHECK(groups[0].before == "allow by rule read of policy p: allowed_by_rule");
  CHECK(groups[0].after == "deny by policy p: no_rule_matches");
  CHECK(groups[0].function == "http:GET api.test/v2/a");
  CHECK(groups[0].session.size() == 16);
  CHECK(replayed(before, before, {http("GET", "/v1/a")}).different().empty());
  const auto renamed = policies("    - {name: look, functions: [\"http:GET /**\"], action: allow}\n");
  const auto alike = replayed(before, renamed, {http("GET", "/v1/a")});
  CHECK(alike.different_calls() == 0);
  CHECK(alike.otherwise_explained() == 1);
  CHECK_FALSE(alike.different()[0].other_outcome);
  auto observing = after;
  observing[0].mode = policy::Mode::observe;
  auto watched = before;
  watched[0].mode = policy::Mode::observe;
  CHECK(replayed(watched, observing, {http("GET", "/v2/a")}).different_calls() == 1);
}

TEST_CASE("what a record does not hold is never guessed") {
  const auto record = http("POST", "/v1/a");
  for (const char* condition : {"call.body.amount > 1.0", "\"x-test\" in call.headers", "\"a\" in call.query",
                                "call.size < 10", "call.body_text == \"\"", "\"a\" in caller.groups",
                                "caller.subject == \"ada\"", "call.path == \"/v1/a\" && call.size < 10"}) {
    CAPTURE(condition);
    const auto one = judged("    - {name: r, functions: [\"http:POST /**\"], action: allow, when: '" +
                                std::string(condition) + "'}\n",
                            record);
    CHECK_FALSE(one.decidable);
    CHECK(contains(one.text, "headers, query, body"));
  }
  // What the rest of a condition or of the rules settles needs none of it.
  for (const char* rules :
       {"    - {name: r, functions: [\"http:POST /**\"], action: allow, when: 'call.path == \"/x\" && "
        "call.size < 10'}\n",
        "    - {name: r, functions: [\"http:GET /**\"], action: allow, when: 'call.size < 10'}\n",
        "    - {name: r, functions: [\"http:POST /**\"], action: allow, when: 'call.size < 10'}\n"
        "    - {name: no, functions: [\"http:POST /**\"], action: deny}\n"}) {
    CAPTURE(rules);
    const auto one = judged(rules, record);
    CHECK(one.decidable);
    CHECK(one.outcome == "deny");
  }
  CHECK(judged("    - {name: r, functions: [\"http:POST /**\"], action: allow, when: 'target.port == 8080 && "
               "now > "
               "timestamp(\"2026-11-26T12:00:00Z\")'}\n",
               record)
            .outcome == "allow");
}

TEST_CASE("a policy that may select the caller leaves open what it could change") {
  const auto record = http("GET", "/v1/a");
  CHECK_FALSE(judged(read_rule, record, "{workload: shop, subject: {name: ada}}").decidable);
  auto unknown = record;
  unknown.mutable_process()->set_resolved(false);
  CHECK_FALSE(judged(read_rule, unknown, "{workload: shop, process: /usr/bin/curl}").decidable);
  CHECK(judged(read_rule, record, "{workload: shop, process: /usr/bin/curl}").outcome == "allow");
  CHECK(judged(read_rule, unknown).outcome == "allow");
}

TEST_CASE("a connection without a name is open where a policy knows it by one") {
  const std::string connect = "    - {name: wire, functions: [\"tcp:connect\"], action: allow}\n";
  const auto by_address = call("tcp:connect", "10.77.2.2", 5432);
  const auto at = [&](const std::string& target, const v1::Record& record) {
    return Judge(policies(connect, ", " + target), policy::Mode::observe).judge(record);
  };
  CHECK(at("{host: 10.77.2.2, port: 5432}", by_address).outcome == "allow");
  CHECK_FALSE(at("{host: db.test, port: 5432}", by_address).decidable);
  CHECK(at("{host: db.test, port: 5432}", call("tcp:connect", "db.test", 5432)).outcome == "allow");
  CHECK(at("{host: db.test, port: 1}", by_address).outcome == "deny");
  CHECK(at("{host: 10.77.2.2, port: 5432}, {host: db.test, port: 5432}", call("tcp:connect", "db.test", 5432))
            .text == "deny: ambiguous_target");
}

TEST_CASE("what no policy decided is counted apart") {
  const auto judge = policies(read_rule);
  v1::Record flow;
  flow.set_kind(v1::Record::KIND_FLOW);
  auto cut = http("GET", "/" + std::string(8200, 'a'));
  cut.set_text_truncated(true);
  const auto replay = replayed(judge, judge, {flow, http("GET", "/a\\b"), cut, http("GET", "/")});
  CHECK(replay.records() == 4);
  CHECK(replay.without_decision() == 2);
  CHECK(undecidable(replay) == 1);
  CHECK(replay.decided() == 1);
}
