// What the whole language of policies decides: conditions, obligations, namespaces, ranges, subjects.
#include <catch2/catch.hpp>

#include "documents.hpp"
#include "policy/cases.hpp"
#include "policy/explanation.hpp"

using namespace callgate;
using namespace callgate::policy;
using namespace callgate::policy::testing;

namespace {

std::string rule(const std::string& name, const std::string& action, const std::string& when = {},
                 const std::string& more = {}) {
  return "{name: " + name + ", functions: [\"http:POST /**\"], action: " + action +
         (when.empty() ? "" : ", when: '" + when + "'") + (more.empty() ? "" : ", " + more) + "}";
}

std::string rules(const std::vector<std::string>& all) {
  std::string text = "[";
  for (const auto& one : all)
    text += one + ", ";
  return text + "]";
}

Call post(const Body& body = {}) {
  static const std::vector<HeaderField> headers{{"content-type", "application/json"}};
  Call call = http("POST", "/a");
  call.headers = headers;
  call.body = body;
  return call;
}

const std::string approval = "approval: {approvers: [group:a]}";
const Body pending{Body::State::pending, {}};
Body sent(std::string_view bytes) {
  return {Body::State::complete, bytes};
}

}  // namespace

TEST_CASE(
    "precedence: deny, then a condition that cannot be decided, then the body, then approve, then allow") {
  struct Row {
    std::vector<std::string> rules;
    Expected outcome;
    std::string rule;
    std::string reason;
  };
  const std::string fault = "1 / 0 > 0";
  const std::vector<Row> rows{
      {{rule("a", "allow")}, Expected::allow, "a", "allowed_by_rule"},
      {{rule("a", "allow", "false")}, Expected::deny, "", "no_rule_matches"},
      {{rule("a", "allow"), rule("d", "deny")}, Expected::deny, "d", "denied_by_rule"},
      {{rule("a", "allow"), rule("d", "deny", "false")}, Expected::allow, "a", "allowed_by_rule"},
      {{rule("a", "allow"), rule("p", "approve", "", approval)}, Expected::approve, "p", "approval_required"},
      {{rule("d", "deny"), rule("p", "approve", "", approval)}, Expected::deny, "d", "denied_by_rule"},
      {{rule("p", "approve", "", approval)}, Expected::approve, "p", "approval_required"},
      {{rule("a", "allow"), rule("f", "allow", fault)}, Expected::deny, "f", "condition_error"},
      {{rule("a", "allow"), rule("f", "deny", fault)}, Expected::deny, "f", "condition_error"},
      {{rule("f", "deny", fault), rule("d", "deny")}, Expected::deny, "d", "denied_by_rule"},
      {{rule("f", "allow", fault), rule("p", "approve", "", approval)},
       Expected::deny,
       "f",
       "condition_error"},
      {{rule("b", "allow", "call.body.x > 0.0"), rule("d", "deny")}, Expected::deny, "d", "denied_by_rule"},
      {{rule("b", "allow", "call.body.x > 0.0"), rule("f", "allow", fault)},
       Expected::deny,
       "f",
       "condition_error"},
      {{rule("b", "deny", "call.body.x > 0.0"), rule("a", "allow")}, Expected::deny, "b", "body_needed"},
      {{rule("b", "allow", "call.body.x > 0.0 && false")}, Expected::deny, "", "no_rule_matches"},
      {{rule("b", "allow", "call.body.x > 0.0 || true")}, Expected::allow, "b", "allowed_by_rule"},
  };
  for (const auto& row : rows) {
    CAPTURE(rules(row.rules));
    const auto engine = engine_of({{.rules = rules(row.rules)}});
    const auto decision = engine->decide(caller("w"), post(pending));
    CHECK(outcome_of(decision) == row.outcome);
    CHECK(decision.rule == row.rule);
    CHECK(decision.reason == row.reason);
    CHECK(decision.needs_body == (row.reason == "body_needed"));
  }
}

TEST_CASE("the same holds across policies, whichever is read first") {
  for (const bool first : {true, false}) {
    const auto engine =
        engine_of({{.name = first ? "a" : "z", .rules = rules({rule("yes", "allow")})},
                   {.name = "m", .rules = rules({rule("ask", "approve", "", approval)})},
                   {.name = first ? "z" : "a", .rules = rules({rule("no", "deny", "call.body.x == 1.0")})}});
    CHECK(engine->decide(caller("w"), post(pending)).needs_body);
    CHECK(engine->decide(caller("w"), post(sent(R"({"x": 1})"))).rule == "no");
    CHECK(engine->decide(caller("w"), post(sent(R"({"x": 2})"))).rule == "ask");
  }
}

TEST_CASE("a body that cannot be looked into denies with that reason") {
  const auto engine = engine_of({{.rules = rules({rule("a", "allow", "call.body.x == 1.0")})}});
  const auto reason = [&](const Body& body) {
    return std::string(engine->decide(caller("w"), post(body)).reason);
  };
  CHECK(reason(sent("{")) == "body_not_json");
  CHECK(reason(sent("{} x")) == "body_not_json");
  CHECK(reason(sent(R"({"x": 1, "x": 2})")) == "body_ambiguous");
  CHECK(reason(sent(R"({"y": {"x": 1, "x": 1}})")) == "body_ambiguous");
  CHECK(reason({Body::State::too_large, {}}) == "body_too_large");
  CHECK(reason({}) == "condition_error");
  CHECK(reason(sent("[" + std::string(100, '[') + std::string(100, ']') + "]")) == "body_not_json");
  CHECK(engine->decide(caller("w"), post(sent(" {\"x\": 1}\n"))).verdict == Verdict::allow);
  Call call = post(sent(R"({"x": 1})"));
  const std::vector<HeaderField> form{{"Content-Type", "application/x-www-form-urlencoded"}};
  call.headers = form;
  CHECK(engine->decide(caller("w"), call).reason == "body_not_json");
  const std::vector<HeaderField> vendor{{"Content-Type", "application/vnd.x+json; charset=utf-8"}};
  call.headers = vendor;
  CHECK(engine->decide(caller("w"), call).verdict == Verdict::allow);
}

TEST_CASE("a body that its receiver could read otherwise is not looked into") {
  const auto engine = engine_of({{.rules = rules({rule("a", "allow", "call.body.x == 1.0")})}});
  const auto reason = [&](const std::vector<HeaderField>& headers) {
    Call call = post(sent(R"({"x": 1})"));
    call.headers = headers;
    return std::string(engine->decide(caller("w"), call).reason);
  };
  CHECK(reason({{"content-type", "application/json"}}) == "allowed_by_rule");
  CHECK(reason({{"content-type", "application/json;charset=\"UTF-8\""}}) == "allowed_by_rule");
  CHECK(reason({{"content-type", "application/json; version=1; Charset = utf-7"}}) == "body_not_json");
  CHECK(reason({{"content-type", "application/json; charset=utf-16"}}) == "body_not_json");
  CHECK(reason({{"content-type", "application/json"}, {"Content-Type", "text/plain"}}) == "body_not_json");
  CHECK(reason({{"content-type", "application/json"}, {"content-encoding", "identity"}}) ==
        "allowed_by_rule");
  CHECK(reason({{"content-type", "application/json"},
                {"content-encoding", "identity"},
                {"Content-Encoding", "gzip"}}) == "body_encoded");
  CHECK(reason({{"content-type", "application/json"}, {"content-encoding", ""}}) == "body_encoded");
}

TEST_CASE("a text in another charset is no text to look into") {
  const auto engine = engine_of(
      {{.rules = rules({rule("d", "deny", R"(call.body_text.contains("secret"))"), rule("a", "allow")})}});
  const auto reason = [&](const std::string& type, std::string_view bytes) {
    const std::vector<HeaderField> headers{{"Content-Type", type}};
    Call call = post(sent(bytes));
    call.headers = headers;
    return std::string(engine->decide(caller("w"), call).reason);
  };
  CHECK(reason("text/plain", "nothing") == "allowed_by_rule");
  CHECK(reason("text/plain", "a secret") == "denied_by_rule");
  CHECK(reason("text/plain; charset=UTF-8", "a secret") == "denied_by_rule");
  CHECK(reason("text/plain; charset=utf-16le", std::string_view("s\0e\0c\0r\0e\0t\0", 12)) ==
        "body_not_text");
  CHECK(reason("application/octet-stream", "\xff\xfes\xff") == "body_not_text");
}

TEST_CASE("conditions see the call, its caller and its target") {
  const auto holds = [](const std::string& when) {
    const auto engine = engine_of({{.rules = rules({rule("a", "allow", when)})}});
    Call call = post(sent(R"({"amount": 5, "list": [1, 2]})"));
    const auto address = parse_address("10.1.2.3:80").value();
    call.address = &address;
    call.query = "a=1&b=x%20y&a=2&c";
    call.size = 29;
    call.time_ns = 1'795'678'200'000'000'000;  // 2026-11-26T07:30:00Z
    const Subject ada{"https://id.example", "ada", {"finance"}, {{"tenant", "t1"}}};
    const Caller who{"checkout", "spiffe://prod/ns/shop/sa/checkout", "/usr/bin/python3", &ada};
    const auto decision = engine->decide(who, call);
    INFO(when << ": " << decision.reason << " " << decision.fault);
    CHECK(decision.verdict == Verdict::allow);
  };
  holds(R"(call.protocol == "http" && call.method == "POST" && call.path == "/a")");
  holds(R"(call.function == "http:POST api.test/a")");
  holds(R"(call.query["a"] == ["1", "2"] && call.query["b"][0] == "x y" && call.query["c"] == [""])");
  holds(R"(call.headers["Content-Type"] == "application/json" && "CONTENT-TYPE" in call.headers)");
  holds("call.size == 29 && call.body.amount == 5.0 && size(call.body.list) == 2 && !has(call.body.other)");
  holds(R"(call.body_text.contains("amount"))");
  holds(R"(caller.id == "spiffe://prod/ns/shop/sa/checkout" && caller.workload == "checkout")");
  holds(R"(caller.namespace == "shop" && caller.service_account == "checkout")");
  holds(R"(caller.process.startsWith("/usr/bin/") && caller.subject == "ada" && "finance" in caller.groups)");
  holds(R"(caller.claims["tenant"] == "t1" && caller.issuer == "https://id.example")");
  holds(R"(target.host == "api.test" && target.port == 80 && target.address == "10.1.2.3")");
  holds(R"(now == timestamp("2026-11-26T07:30:00Z") && now.getHours("Europe/Berlin") == 8)");
}

TEST_CASE("what is not known of a caller is an error in a condition, and no permission") {
  const auto engine = engine_of({{.rules = rules({rule("a", "allow", R"(caller.process != "/bin/sh")")})}});
  CHECK(engine->decide(caller("w"), post()).fault == "process_unknown");
  CHECK(engine->needs_process("w", "spiffe://test/w"));
  const auto groups =
      engine_of({{.rules = rules({rule("d", "deny", R"(!("ops" in caller.groups))"), rule("a", "allow")})}});
  CHECK(groups->decide(caller("w"), post()).fault == "subject_unknown");
  CHECK_FALSE(groups->needs_process("w", "spiffe://test/w"));
}

TEST_CASE("a namespaced policy selects callers of its namespace only, a cluster-wide one all") {
  const auto document = [](const std::string& kind, const std::string& metadata) {
    const auto parsed =
        parse_policies("apiVersion: callgate.dev/v1\nkind: " + kind + "\nmetadata: " + metadata +
                           "\nspec: {callers: [{workload: \"*\"}], targets: [{host: \"*\"}], rules: "
                           "[{name: a, functions: [\"http:* /**\"], action: allow}]}\n",
                       "p");
    return Engine::compile(parsed.policies, Mode::enforce);
  };
  const Caller shop{"w", "spiffe://prod/ns/shop/sa/web", "/bin/x"};
  const Caller host{"w", "spiffe://prod/user/ci/w", "/bin/x"};
  const auto verdict = [&](const auto& engine, const Caller& who) {
    return engine->decide(who, http("GET", "/")).verdict == Verdict::allow;
  };
  const auto of_shop = document("CallPolicy", "{name: p, namespace: shop}");
  CHECK(verdict(of_shop, shop));
  CHECK_FALSE(verdict(of_shop, host));
  CHECK_FALSE(verdict(of_shop, {"w", "spiffe://prod/ns/shop-2/sa/web", "/bin/x"}));
  CHECK_FALSE(verdict(of_shop, {"w", "spiffe://prod/ns/shop/sa/web/x", "/bin/x"}));
  const auto of_host = document("CallPolicy", "{name: p}");
  CHECK_FALSE(verdict(of_host, shop));
  CHECK(verdict(of_host, host));
  const auto of_all = document("ClusterCallPolicy", "{name: p}");
  CHECK(verdict(of_all, shop));
  CHECK(verdict(of_all, host));
}

TEST_CASE("callers are matched by every field of an entry") {
  const auto selected = [](const std::string& entry, const Caller& who) {
    const auto engine = engine_of({{.callers = "[" + entry + "]"}});
    return engine->decide(who, http("GET", "/")).policy == "p";
  };
  const Caller web{"web", "spiffe://prod/user/ada/web", "/usr/bin/curl"};
  CHECK(selected("{identity: \"spiffe://prod/user/*/web\"}", web));
  CHECK(selected("{identity: \"spiffe://prod/**\"}", web));
  CHECK_FALSE(selected("{identity: \"spiffe://prod/*\"}", web));
  CHECK_FALSE(selected("{identity: \"spiffe://other/**\"}", web));
  CHECK_FALSE(selected("{identity: \"spiffe://prod/user/*/web\", workload: api}", web));
  CHECK_FALSE(selected("{namespace: \"*\"}", web));
  const Subject ada{"https://id.example", "ada", {"finance", "ops-eu"}, {{"tenant", "t1"}}};
  Caller known = web;
  known.subject = &ada;
  CHECK(selected(
      "{subject: {issuer: \"https://id.example\", name: \"a*\", groups: [\"ops-*\"], claims: {tenant: t1}}}",
      known));
  CHECK_FALSE(selected("{subject: {groups: [admin]}}", known));
  CHECK_FALSE(selected("{subject: {claims: {tenant: t2}}}", known));
  CHECK_FALSE(selected("{subject: {issuer: \"https://id.example.evil\"}}", known));
}

TEST_CASE("an unknown subject allows nothing, and does not escape a deny rule") {
  const auto engine = engine_of({{.name = "a", .callers = "[{subject: {groups: [finance]}}]"},
                                 {.name = "b", .rules = rules({rule("x", "allow")})}});
  CHECK(engine->decide(caller("w"), http("GET", "/")).reason == "subject_unknown");
  const auto denied = engine_of(
      {{.name = "a", .callers = "[{subject: {groups: [finance]}}]", .rules = rules({rule("n", "deny")})},
       {.name = "b"}});
  CHECK(denied->decide(caller("w"), post()).reason == "subject_unknown");
  CHECK(denied->decide(caller("w"), http("GET", "/")).verdict == Verdict::allow);
}

TEST_CASE("targets are matched by range, and the narrowest entry counts") {
  const auto engine = engine_of(
      {{.targets = "[{cidr: 10.0.0.0/8, upstream: {port: 1}}, {cidr: 10.1.0.0/16, upstream: {port: 2}}, "
                   "{host: api.test, upstream: {port: 3}}, {host: api.test, cidr: 10.1.2.0/24, upstream: "
                   "{port: 4}}, "
                   "{cidr: \"fd00::/8\", upstream: {port: 5}}]"}});
  const auto port = [&](const std::string& host, const std::string& ip) {
    const auto address = parse_address(ip).value();
    Call call = http("GET", "/", host);
    call.address = &address;
    const auto decision = engine->decide(caller("w"), call);
    return decision.upstream == nullptr ? 0 : static_cast<int>(decision.upstream->port);
  };
  CHECK(port("x.test", "10.9.9.9") == 1);
  CHECK(port("x.test", "10.1.9.9") == 2);
  CHECK(port("api.test", "192.0.2.1") == 3);
  CHECK(port("api.test", "10.1.2.3") == 4);
  CHECK(port("x.test", "fd12::1") == 5);
  CHECK(port("x.test", "192.0.2.1") == 0);
  CHECK(port("x.test", "::ffff:10.9.9.9") == 1);
  CHECK(engine->decide(caller("w"), http("GET", "/", "x.test")).reason == "no_target_matches");
}

TEST_CASE("obligations of all matching allow rules add up, and the strictest counts") {
  const auto engine =
      engine_of({{.name = "a",
                  .rules = rules({rule("one", "allow", "",
                                       "limit: {calls: 5, per: 1m, by: caller.id}, record: {limit: 1KiB}"),
                                  rule("two", "allow", "", "limit: [{bytes: 1MiB, per: 1h}]"),
                                  rule("off", "allow", "false", "limit: {calls: 1, per: 1d}")})},
                 {.name = "b",
                  .rules = rules({rule("three", "allow", "", "record: {payloads: none}")}),
                  .record = "{payloads: full}"}});
  const auto decision = engine->decide(caller("w"), post());
  REQUIRE(decision.limits.size() == 2);
  CHECK(decision.limits[0].rule == "one");
  CHECK(decision.limits[1].rule == "two");
  CHECK_FALSE(decision.record.payloads);
}

TEST_CASE("an approve rule counts under either reading of a path, as a deny rule does") {
  const auto engine = engine_of({{.rules = "[{name: all, functions: [\"http:* /**\"], action: allow}, {name: "
                                           "ask, functions: [\"http:POST /refunds\"], "
                                           "action: approve, " +
                                           approval + "}]"}});
  CHECK(engine->decide(caller("w"), http("POST", "/refunds")).rule == "ask");
  CHECK(engine->decide(caller("w"), http("POST", "/refunds;x=1")).rule == "ask");
  CHECK(engine->decide(caller("w"), http("post", "/refunds")).rule == "ask");
  CHECK(engine->decide(caller("w"), http("POST", "/other")).rule == "all");
}

TEST_CASE("an explanation shows the decision that is made, with every rule's part in it") {
  const auto engine = engine_of(
      {{.rules = rules({rule("a", "allow", "call.size > 5"), rule("d", "deny", "call.size > 9")})}});
  Call call = post();
  call.size = 7;
  const auto explained = engine->explain(caller("w"), call);
  CHECK(explained.decision.rule == "a");
  REQUIRE(explained.policies.size() == 1);
  CHECK(explained.policies[0].selects == "yes");
  CHECK(explained.policies[0].target == "*");
  REQUIRE(explained.policies[0].rules.size() == 2);
  CHECK(explained.policies[0].rules[0].outcome == "true");
  CHECK(explained.policies[0].rules[1].outcome == "false");
}

TEST_CASE("observed policies beside enforced ones are on trial, and change nothing") {
  const auto engine =
      engine_of({{.name = "live", .rules = rules({rule("a", "allow")})},
                 {.name = "next", .mode = "observe", .rules = rules({rule("d", "deny", "call.size > 5")})}});
  const Caller who = caller("w");
  const auto ask = [&](std::uint64_t size) {
    Call call = post();
    call.size = size;
    const auto direct = engine->decide(who, call);
    const auto selected = engine->decide(engine->select(who), who, call);
    CHECK(direct.trial.rule == selected.trial.rule);
    CHECK(direct.trial.policy == selected.trial.policy);
    CHECK(direct.verdict == Verdict::allow);
    CHECK(direct.enforced);
    CHECK(direct.policy == "live");
    return direct.trial;
  };
  CHECK(ask(5).policy.empty());
  CHECK(ask(6).policy == "next");
  CHECK(ask(6).rule == "d");
  CHECK(ask(6).reason == "denied_by_rule");
  // What is denied anyway is on no trial, and allowing rules on trial allow nothing.
  const auto other = engine_of({{.name = "live", .rules = rules({rule("a", "allow", "false")})},
                                {.name = "next", .mode = "observe", .rules = rules({rule("b", "allow")})}});
  CHECK(other->decide(who, post()).verdict == Verdict::deny);
  CHECK(other->decide(who, post()).trial.policy.empty());
}
