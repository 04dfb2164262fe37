#include <string>

#include <catch2/catch.hpp>

#include "documents.hpp"

using namespace callgate;
using namespace callgate::policy;
using namespace callgate::policy::testing;

namespace {

// Both ways to ask must answer the same.
Decision decide(const Engine& engine, const Caller& who, const Call& what) {
  const Decision direct = engine.decide(who, what);
  const Selection selection = engine.select(who);
  const Decision selected = engine.decide(selection, who, what);
  CHECK(selection.mode() == engine.mode(who));
  CHECK(direct.enforced == (engine.mode(who) == Mode::enforce));
  CHECK(direct.verdict == selected.verdict);
  CHECK(direct.enforced == selected.enforced);
  CHECK(direct.policy == selected.policy);
  CHECK(direct.rule == selected.rule);
  CHECK(direct.reason == selected.reason);
  CHECK(direct.upstream == selected.upstream);
  CHECK(direct.record == selected.record);
  CHECK((direct.upstream != nullptr) == (direct.verdict == Verdict::allow));
  return direct;
}

const std::string allow_get = R"([{name: get, functions: ["http:GET /**"], action: allow}])";
const std::string deny_get = R"([{name: no-get, functions: ["http:GET /**"], action: deny}])";
const std::string allow_all = R"([{name: all, functions: ["*"], action: allow}])";
const std::string deny_all = R"([{name: none, functions: ["*"], action: deny}])";
const std::string python_only = "[{workload: w, process: /usr/bin/python3}]";

}  // namespace

TEST_CASE("an allow rule allows, and names itself") {
  const auto engine = engine_of({{.name = "payments", .rules = allow_get}});
  const auto decision = decide(*engine, caller("w"), http("GET", "/a"));
  CHECK(decision.verdict == Verdict::allow);
  CHECK(decision.enforced);
  CHECK(decision.policy == "payments");
  CHECK(decision.rule == "get");
  CHECK(decision.reason == "allowed_by_rule");
  CHECK(*decision.upstream == Upstream{});
}

TEST_CASE("what no rule allows is denied") {
  const auto engine = engine_of({{.name = "payments", .rules = allow_get}});
  const auto decision = decide(*engine, caller("w"), http("POST", "/a"));
  CHECK(decision.verdict == Verdict::deny);
  CHECK(decision.reason == "no_rule_matches");
  CHECK(decision.policy == "payments");
  CHECK(decision.rule.empty());
}

TEST_CASE("a target that no policy names is denied") {
  const auto engine = engine_of({{.targets = "[{host: a.test}]"}});
  const auto decision = decide(*engine, caller("w"), http("GET", "/", "b.test"));
  CHECK(decision.verdict == Verdict::deny);
  CHECK(decision.reason == "no_target_matches");
  CHECK(decide(*engine, caller("w"), http("GET", "/", "a.test")).verdict == Verdict::allow);
}

TEST_CASE("deny wins over allow, within a policy and across policies, in any order") {
  const std::string both =
      R"([{name: a, functions: ["*"], action: allow}, {name: d, functions: ["http:GET /x"], action: deny, reason: not x}])";
  const auto within = engine_of({{.rules = both}});
  const auto decision = decide(*within, caller("w"), http("GET", "/x"));
  CHECK(decision.verdict == Verdict::deny);
  CHECK(decision.rule == "d");
  CHECK(decision.reason == "not x");
  CHECK(decide(*within, caller("w"), http("GET", "/y")).verdict == Verdict::allow);

  for (const auto& [denying, allowing] : {std::pair{"a", "b"}, std::pair{"b", "a"}}) {
    const auto across =
        engine_of({{.name = denying, .rules = deny_get}, {.name = allowing, .rules = allow_all}});
    const auto denied = decide(*across, caller("w"), http("GET", "/"));
    CHECK(denied.verdict == Verdict::deny);
    CHECK(denied.policy == denying);
    CHECK(denied.reason == "denied_by_rule");
    CHECK(decide(*across, caller("w"), http("PUT", "/")).verdict == Verdict::allow);
  }
}

TEST_CASE("a caller that no policy selects is under the default mode") {
  const std::vector<Spec> specs{{.callers = "[{workload: other}]"}};
  const auto observing = engine_of(specs, Mode::observe);
  auto decision = decide(*observing, caller("w"), http("GET", "/"));
  CHECK(decision.verdict == Verdict::allow);
  CHECK_FALSE(decision.enforced);
  CHECK(decision.reason == "no_policy");
  const auto enforcing = engine_of(specs, Mode::enforce);
  decision = decide(*enforcing, caller("w"), http("GET", "/"));
  CHECK(decision.verdict == Verdict::deny);
  CHECK(decision.enforced);
  CHECK(decision.reason == "no_policy");
  CHECK(enforcing->workload_mode("w", "") == Mode::enforce);
  CHECK(engine_of({}, Mode::enforce)->decide(caller("w"), http("GET", "/")).verdict == Verdict::deny);
  CHECK(engine_of({}, Mode::observe)->mode(caller("w")) == Mode::observe);
}

TEST_CASE("an observing policy says what it would do, and changes nothing") {
  const auto engine = engine_of({{.mode = "observe", .rules = deny_get}}, Mode::enforce);
  const auto decision = decide(*engine, caller("w"), http("GET", "/"));
  CHECK(decision.verdict == Verdict::deny);
  CHECK_FALSE(decision.enforced);
  CHECK(decision.rule == "no-get");
  CHECK(engine->workload_mode("w", "") == Mode::observe);
}

TEST_CASE("an observing policy never influences an enforced verdict") {
  const auto lax =
      engine_of({{.name = "a", .mode = "observe", .rules = allow_all}, {.name = "b", .rules = allow_get}});
  CHECK(decide(*lax, caller("w"), http("POST", "/")).verdict == Verdict::deny);
  const auto strict =
      engine_of({{.name = "a", .mode = "observe", .rules = deny_all}, {.name = "b", .rules = allow_get}});
  const auto decision = decide(*strict, caller("w"), http("GET", "/"));
  CHECK(decision.verdict == Verdict::allow);
  CHECK(decision.enforced);
  CHECK(decision.policy == "b");
}

TEST_CASE("all fields of a caller's entry match, and entries are alternatives") {
  const auto engine =
      engine_of({{.callers = R"([{workload: "web-*", process: "/usr/bin/*"}, {process: /opt/tool}])",
                  .rules = allow_get}});
  CHECK(engine->mode(caller("web-1", "/usr/bin/curl")) == Mode::enforce);
  CHECK(engine->mode(caller("web-1", "/usr/bin/deep/er")) == Mode::enforce);
  CHECK(engine->mode(caller("web-1", "/bin/curl")) == Mode::observe);
  CHECK(engine->mode(caller("db", "/usr/bin/curl")) == Mode::observe);
  CHECK(engine->mode(caller("db", "/opt/tool")) == Mode::enforce);
  CHECK(engine->mode(caller("db", "/opt/tools")) == Mode::observe);
}

TEST_CASE("an unknown process never escapes to being observed") {
  const auto engine = engine_of({{.callers = python_only, .rules = allow_get}});
  CHECK(engine->mode(caller("w")) == Mode::enforce);
  CHECK(engine->workload_mode("w", "") == Mode::enforce);
  CHECK(engine->needs_process("w", ""));
  const auto unknown = decide(*engine, caller("w"), http("GET", "/"));
  CHECK(unknown.verdict == Verdict::deny);
  CHECK(unknown.reason == "process_unknown");
  // The control: the same call of a known process is allowed, and another program's is observed.
  CHECK(decide(*engine, caller("w", "/usr/bin/python3"), http("GET", "/")).verdict == Verdict::allow);
  CHECK_FALSE(decide(*engine, caller("w", "/usr/bin/curl"), http("GET", "/")).enforced);
  // Another workload does not depend on its process.
  CHECK_FALSE(engine->needs_process("v", ""));
  CHECK(engine->mode(caller("v")) == Mode::observe);
}

TEST_CASE("an unknown process is allowed only by a policy that does not ask for it") {
  const auto engine = engine_of(
      {{.name = "a", .callers = python_only, .rules = allow_all}, {.name = "b", .rules = allow_get}});
  const auto allowed = decide(*engine, caller("w"), http("GET", "/"));
  CHECK(allowed.verdict == Verdict::allow);
  CHECK(allowed.policy == "b");
  CHECK(decide(*engine, caller("w"), http("POST", "/")).reason == "process_unknown");
  CHECK(decide(*engine, caller("w", "/usr/bin/python3"), http("POST", "/")).verdict == Verdict::allow);
}

TEST_CASE("a deny rule counts against an unknown process") {
  const auto engine = engine_of(
      {{.name = "a", .callers = python_only, .rules = deny_get}, {.name = "b", .rules = allow_all}});
  const auto denied = decide(*engine, caller("w"), http("GET", "/"));
  CHECK(denied.verdict == Verdict::deny);
  CHECK(denied.reason == "process_unknown");
  CHECK(denied.rule == "no-get");
  CHECK(decide(*engine, caller("w", "/usr/bin/curl"), http("GET", "/")).verdict == Verdict::allow);
  CHECK(decide(*engine, caller("w", "/usr/bin/python3"), http("GET", "/")).reason == "denied_by_rule");
}

TEST_CASE("an unknown process is not saved from the default by an observing policy that asks for it") {
  const std::vector<Spec> specs{{.mode = "observe", .callers = python_only}};
  const auto enforcing = engine_of(specs, Mode::enforce);
  const auto denied = decide(*enforcing, caller("w"), http("GET", "/"));
  CHECK(denied.verdict == Verdict::deny);
  CHECK(denied.enforced);
  CHECK(denied.reason == "process_unknown");
  CHECK(enforcing->workload_mode("w", "") == Mode::enforce);
  CHECK_FALSE(decide(*enforcing, caller("w", "/usr/bin/python3"), http("GET", "/")).enforced);
  CHECK_FALSE(decide(*engine_of(specs, Mode::observe), caller("w"), http("GET", "/")).enforced);
}

TEST_CASE("a process of `*` still asks for a known process") {
  const auto engine = engine_of({{.callers = R"([{workload: w, process: "*"}])"}});
  CHECK(decide(*engine, caller("w"), http("GET", "/")).reason == "process_unknown");
  CHECK(decide(*engine, caller("w", "/x"), http("GET", "/")).verdict == Verdict::allow);
}

TEST_CASE("hosts match by name, suffix or everything") {
  struct Row {
    const char* pattern;
    const char* host;
    bool matches;
  };
  const Row rows[] = {
      {"api.test", "api.test", true},
      {"api.test", "API.Test", true},
      {"api.test", "api.test.", true},
      {"API.TEST.", "api.test", true},
      {"api.test", "api.test..", false},
      {"api.test", "xapi.test", false},
      {"api.test", "api.test.evil", false},
      {"*.test", "api.test", true},
      {"*.test", "a.b.test", true},
      {"*.test", "test", false},
      {"*.test", ".test", false},
      {"*.test", "atest", false},
      {"*.test", "api.test.evil", false},
      {"*", "anything", true},
      {"*", "", true},
      {"192.0.2.1", "192.0.2.1", true},
      {"192.0.2.1", "192.0.2.10", false},
      {"192.0.2.1", "::ffff:192.0.2.1", true},
      {"2001:db8::1", "2001:DB8:0:0::1", true},
      {"2001:db8::1", "2001:db8::2", false},
      {"*.1", "192.0.2.1", false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.pattern, row.host);
    const std::string targets = "[{host: \"" + std::string(row.pattern) + "\"}]";
    if (std::string(row.pattern) == "*.1") {
      CHECK_THROWS(engine_of({{.targets = targets}}));  // looks like an address, and is none
      continue;
    }
    const auto engine = engine_of({{.targets = targets}});
    CHECK((decide(*engine, caller("w"), http("GET", "/", row.host)).verdict == Verdict::allow) ==
          row.matches);
  }
  const std::string long_host(300, 'a');
  CHECK(decide(*engine_of({{}}), caller("w"), http("GET", "/", long_host)).verdict == Verdict::allow);
  CHECK(decide(*engine_of({{.targets = "[{host: \"*.test\"}]"}}), caller("w"),
               http("GET", "/", long_host + ".test"))
            .verdict == Verdict::deny);
}

TEST_CASE("the most specific target counts") {
  const auto engine = engine_of({{.targets = R"([
      {host: "*", upstream: {port: 1}}, {host: "*", port: 80, upstream: {port: 2}},
      {host: "*.test", upstream: {port: 3}}, {host: "*.b.test", port: 80, upstream: {port: 4}},
      {host: a.b.test, port: 80, upstream: {port: 5}}, {host: a.b.test, upstream: {port: 6}}])"}});
  const auto port = [&](std::string_view host, std::uint16_t flow_port) {
    return decide(*engine, caller("w"), http("GET", "/", host, flow_port)).upstream->port;
  };
  CHECK(port("else", 81) == 1);
  CHECK(port("else", 80) == 2);
  CHECK(port("x.test", 80) == 3);
  CHECK(port("x.b.test", 80) == 4);
  CHECK(port("x.b.test", 81) == 3);
  CHECK(port("a.b.test", 80) == 5);
  CHECK(port("a.b.test", 81) == 6);
}

TEST_CASE("of several allowing policies the strictest requirements count") {
  const auto merged = [](const std::string& one, const std::string& two) {
    const auto engine = engine_of({{.name = "a", .targets = "[{host: api.test, upstream: " + one + "}]"},
                                   {.name = "b", .targets = "[{host: api.test, upstream: " + two + "}]"}});
    const auto decision = decide(*engine, caller("w"), http("GET", "/"));
    REQUIRE(decision.verdict == Verdict::allow);
    return *decision.upstream;
  };
  CHECK(merged("{tls: verified}", "{tls: mutual}").tls == TlsRequirement::mutual);
  CHECK(merged("{tls: plaintext}", "{tls: verified}").tls == TlsRequirement::verified);
  CHECK(merged("{tls: plaintext}", "{tls: unverified}").tls == TlsRequirement::unverified);
  CHECK(merged("{min_version: \"1.2\"}", "{}").allow_tls12 == false);
  CHECK(merged("{port: 8443}", "{}").port == 8443);
  // No single policy says this; together they do.
  const Upstream expected{TlsRequirement::mutual, Trust::bundle, false, 8443, "spiffe://t/x", {}};
  CHECK(merged("{tls: mutual, port: 8443}", "{identity: spiffe://t/x}") == expected);
  CHECK(merged("{identity: spiffe://t/x}", "{tls: mutual, port: 8443}") == expected);
}

TEST_CASE("contradicting requirements deny") {
  for (const auto& [one, two] : {std::pair{"{port: 1}", "{port: 2}"},
                                 std::pair{"{identity: spiffe://t/x}", "{identity: spiffe://t/y}"}}) {
    const auto engine =
        engine_of({{.name = "a", .targets = "[{host: \"*\", upstream: " + std::string(one) + "}]"},
                   {.name = "b", .targets = "[{host: \"*\", upstream: " + std::string(two) + "}]"}});
    const auto decision = decide(*engine, caller("w"), http("GET", "/"));
    CHECK(decision.verdict == Verdict::deny);
    CHECK(decision.reason == "conflicting_upstreams");
  }
}

TEST_CASE("a plaintext target is only what its name stands for") {
  const std::string targets =
      "[{host: Old.Test, upstream: {tls: plaintext}}, {host: 192.0.2.9, upstream: {tls: plaintext}}, "
      "{host: lost.test, upstream: {tls: plaintext}}]";
  CHECK(hosts_to_resolve(policies_of({{.targets = targets}})) ==
        std::vector<std::string>{"lost.test", "old.test"});
  const Address address = *parse_address("192.0.2.7:99");
  const auto engine = engine_of({{.targets = targets}}, Mode::observe, {{"old.test", {address}}});
  const auto resolved = [&](std::string_view host) {
    return decide(*engine, caller("w"), http("GET", "/", host)).upstream->resolved;
  };
  CHECK(resolved("old.test") == std::vector<Address>{*parse_address("192.0.2.7")});
  CHECK(resolved("192.0.2.9") == std::vector<Address>{*parse_address("192.0.2.9")});
  CHECK(resolved("lost.test").empty());
}

TEST_CASE("names are resolved of every exact host that an opaque connection may be for") {
  const std::string targets =
      "[{host: db.test}, {host: \"*.db.test\"}, {host: 192.0.2.9}, {host: Cache.Test, port: 6379}]";
  const auto hosts = [&](std::string_view functions) {
    return hosts_to_resolve(
        policies_of({{.targets = targets,
                      .rules = "[{name: r, functions: [" + std::string(functions) + "], action: allow}]"}}));
  };
  const std::vector<std::string> both{"cache.test", "db.test"};
  CHECK(hosts("\"tcp:connect\"") == both);
  CHECK(hosts("\"http:GET /\", \"*\"") == both);
  CHECK(hosts("\"http:* /**\", \"tls:connect\"").empty());
}

TEST_CASE("an address is known by every name that resolved to it") {
  const Address address = *parse_address("192.0.2.7:99");
  const Address other = *parse_address("192.0.2.8");
  const auto engine = engine_of({{}}, Mode::observe,
                                {{"A.test", {address}}, {"b.test", {other, address}}, {"none.test", {}}});
  CHECK(engine->names_of(*parse_address("192.0.2.7:5432")) ==
        std::vector<std::string_view>{"a.test", "b.test"});
  CHECK(engine->names_of(other) == std::vector<std::string_view>{"b.test"});
  CHECK(engine->names_of(*parse_address("192.0.2.9")).empty());
}

TEST_CASE("a port is opaque where a policy that selects the caller says so") {
  const auto engine = engine_of({{.name = "a",
                                  .callers = "[{workload: w}]",
                                  .targets = "[{host: db.test, port: 5432, protocol: opaque}]"},
                                 {.name = "b", .targets = "[{host: \"*\"}]"}});
  const auto opaque = [&](std::string_view workload, std::string_view host, std::uint16_t port) {
    return engine->is_opaque(engine->select(caller(workload)), host, port, nullptr);
  };
  CHECK(opaque("w", "db.test", 5432));
  CHECK(opaque("w", "DB.test.", 5432));
  CHECK_FALSE(opaque("w", "db.test", 80));
  CHECK_FALSE(opaque("w", "other.test", 5432));
  CHECK_FALSE(opaque("x", "db.test", 5432));
}

TEST_CASE("the least is stored that any policy for the caller and target asks for") {
  const auto record = [](const std::string& one, const std::string& two) {
    const auto engine =
        engine_of({{.name = "a", .record = one}, {.name = "b", .rules = allow_get, .record = two}});
    return decide(*engine, caller("w"), http("GET", "/")).record;
  };
  CHECK(record("{payloads: full}", "{payloads: none}") == RecordRequirement{false, ~0ULL});
  CHECK(record("{payloads: none}", "{limit: 1KiB}").payloads == false);
  CHECK(record("{limit: 1MiB}", "{limit: 1KiB}") == RecordRequirement{true, 1024});
  CHECK(record("{limit: 1KiB}", "{payloads: full}") == RecordRequirement{true, 1024});
}

TEST_CASE("what all that count ask of the record holds together") {
  using std::chrono::hours;
  const auto both = [](const std::string& one, const std::string& two) {
    const auto engine =
        engine_of({{.name = "a", .record = one}, {.name = "b", .rules = allow_get, .record = two}});
    const auto decision = decide(*engine, caller("w"), http("GET", "/"));
    CHECK(engine->select(caller("w")).record() == decision.record);
    return decision.record;
  };
  CHECK(both("{durability: async}", "{durability: async}").durability == Durability::async);
  CHECK(both("{durability: async}", "{durability: written}").durability == Durability::written);
  CHECK(both("{durability: synced}", "{durability: async}").durability == Durability::synced);
  CHECK(both("{payloads: full}", "{durability: synced}").durability == Durability::synced);
  // Who says nothing asks for the default.
  CHECK(both("{durability: async}", "{payloads: full}").durability == Durability::written);
  CHECK(both("{retain: 90d}", "{retain: 30d}").retain == hours(24 * 90));
  CHECK(both("{payloads: none}", "{retain: 30d}").retain == hours(24 * 30));
  CHECK(both("{payloads: none, retain: 1d}", "{durability: synced, limit: 1KiB}") ==
        RecordRequirement{false, 1024, Durability::synced, hours(24)});
}

TEST_CASE("the record that a rule asks for is of its calls alone, instead of its policy's") {
  const auto engine = engine_of({{.rules = R"([
      {name: a, functions: ["http:GET /a"], action: allow, record: {durability: synced, retain: 1d}},
      {name: b, functions: ["http:GET /a"], action: allow, record: {durability: async, retain: 2d}},
      {name: c, functions: ["http:GET /c"], action: allow, record: {payloads: none}},
      {name: d, functions: ["http:GET /d"], action: allow}])",
                                  .record = "{durability: async, retain: 7d}"}});
  const auto record = [&](std::string_view path) {
    return decide(*engine, caller("w"), http("GET", path)).record;
  };
  CHECK(record("/a") == RecordRequirement{true, ~0ULL, Durability::synced, std::chrono::hours(48)});
  CHECK(record("/c") == RecordRequirement{false, ~0ULL, Durability::written, std::chrono::seconds(0)});
  CHECK(record("/d") == RecordRequirement{true, ~0ULL, Durability::async, std::chrono::hours(24 * 7)});
}

TEST_CASE("nothing that is only observed waits for its record") {
  const auto engine = engine_of({{.mode = "observe", .rules = allow_get, .record = "{durability: synced}"}});
  CHECK(decide(*engine, caller("w"), http("GET", "/")).record.durability == Durability::async);
  CHECK(engine->select(caller("w")).record().durability == Durability::async);
  const auto open = engine_of({{.callers = "[{workload: other}]"}}, Mode::observe);
  CHECK(decide(*open, caller("w"), http("GET", "/")).record.durability == Durability::async);
  CHECK(open->select(caller("w")).record().durability == Durability::async);
  const auto closed = engine_of({{.callers = "[{workload: other}]"}}, Mode::enforce);
  CHECK(closed->select(caller("w")).record().durability == Durability::written);
}

TEST_CASE("a deny rule sees through what servers read differently, an allow rule does not") {
  const std::string rules = R"([{name: all, functions: ["http:* /**"], action: allow},
      {name: admin, functions: ["http:GET,DELETE /admin/**"], action: deny}])";
  const auto engine = engine_of({{.rules = rules}});
  for (const auto* path :
       {"/admin", "/admin/", "/admin/x", "//admin/x", "/admin;v=1/x", "/;a/admin", "/admin;x"}) {
    CAPTURE(path);
    CHECK(decide(*engine, caller("w"), http("GET", path)).rule == "admin");
  }
  CHECK(decide(*engine, caller("w"), http("delete", "/admin")).rule == "admin");
  CHECK(decide(*engine, caller("w"), http("GET", "/administration")).rule == "all");

  const auto narrow = engine_of({{.rules = R"([{name: x, functions: ["http:GET /x"], action: allow}])"}});
  CHECK(decide(*narrow, caller("w"), http("GET", "/x")).verdict == Verdict::allow);
  CHECK(decide(*narrow, caller("w"), http("GET", "//x")).verdict == Verdict::deny);
  CHECK(decide(*narrow, caller("w"), http("GET", "/x;v=1")).verdict == Verdict::deny);
  CHECK(decide(*narrow, caller("w"), http("get", "/x")).verdict == Verdict::deny);
}

TEST_CASE("many rules are found by host, path and method") {
  std::string rules = "[";
  for (int i = 0; i < 2000; ++i) {
    const auto n = std::to_string(i);
    rules += "{name: r" + n + ", functions: [\"http:GET /v1/r" + n + "/*\", \"http:GET h" + n +
             ".test/**\"], action: allow},";
  }
  const auto engine = engine_of({{.rules = rules + "]"}});
  CHECK(decide(*engine, caller("w"), http("GET", "/v1/r1234/x")).rule == "r1234");
  CHECK(decide(*engine, caller("w"), http("GET", "/", "h77.test")).rule == "r77");
  CHECK(decide(*engine, caller("w"), http("GET", "/v1/r2000/x")).verdict == Verdict::deny);
  CHECK(decide(*engine, caller("w"), http("GET", "/", "h2000.test")).verdict == Verdict::deny);
}

TEST_CASE("an engine refuses documents that nobody could have written") {
  auto policies = policies_of({{}});
  auto without_callers = policies;
  without_callers[0].callers.clear();
  CHECK_THROWS_AS(Engine::compile(without_callers, Mode::observe), std::invalid_argument);
  auto bad_function = policies;
  bad_function[0].rules[0].functions = {"http:GET"};
  CHECK_THROWS_AS(Engine::compile(bad_function, Mode::observe), std::invalid_argument);
  auto twice = policies;
  twice.push_back(policies[0]);
  CHECK_THROWS_AS(Engine::compile(twice, Mode::observe), std::invalid_argument);
  CHECK_NOTHROW(Engine::compile(policies, Mode::observe));
}
