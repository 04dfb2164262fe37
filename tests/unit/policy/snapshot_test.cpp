#include "policy/snapshot.hpp"

#include <catch2/catch.hpp>

#include "callgate/v1/policy.pb.h"
#include "documents.hpp"

using namespace callgate;
using namespace callgate::policy;
using namespace callgate::policy::testing;

namespace {

Snapshot sample() {
  return {
      policies_of(
          {{.name = "a",
            .mode = "observe",
            .callers = "[{workload: w, process: /x}, {process: \"*\"}]",
            .targets = R"([{host: a.test, port: 80, upstream: {port: 443, tls: mutual, identity: spiffe://t/x,
                                       min_version: "1.2"}}, {host: old.test, upstream: {tls: plaintext}},
                          {host: db.test, port: 5432, protocol: opaque}])",
            .rules = R"([{name: r, functions: ["http:GET /**", "tcp:connect"], action: deny, reason: no}])",
            .record = "{payloads: full, limit: 64KiB, durability: synced, retain: 90d}"},
           {.name = "b"}}),
      Mode::enforce,
      {{"old.test", {*parse_address("192.0.2.7"), *parse_address("[2001:db8::7]:0")}}},
      "v1"};
}

// What becomes of the sample after a change on the wire.
template <typename Change>
std::string changed(Change change) {
  callgate::v1::PolicySnapshot wire;
  REQUIRE(wire.ParseFromString(serialize_snapshot(sample())));
  change(wire);
  return wire.SerializeAsString();
}

void check_refused(const std::string& bytes, const std::string& because) {
  CAPTURE(because);
  const auto engine = load_snapshot(bytes);
  REQUIRE_FALSE(engine.has_value());
  CHECK(engine.error().code == "bad_policy_snapshot");
  CHECK_THAT(engine.error().message, Catch::Contains(because));
}

}  // namespace

TEST_CASE("a snapshot survives the way to the proxy") {
  const auto before = sample();
  const auto bytes = serialize_snapshot(before);
  const auto after = parse_snapshot(bytes);
  REQUIRE(after.has_value());
  CHECK(after->policies == before.policies);
  CHECK(after->default_mode == before.default_mode);
  CHECK(after->version == before.version);
  REQUIRE(after->resolved.size() == 1);
  CHECK(after->resolved[0].host == "old.test");
  CHECK(after->resolved[0].addresses == before.resolved[0].addresses);
  CHECK(serialize_snapshot(*after) == bytes);
  const auto engine = load_snapshot(bytes);
  REQUIRE(engine.has_value());
  CHECK((*engine)->decide(caller("w", "/x"), http("GET", "/", "a.test")).policy == "b");
}

TEST_CASE("an unchanged snapshot on the wire is taken") {
  CHECK(load_snapshot(changed([](auto&) {})).has_value());
}

TEST_CASE("a snapshot is refused whole for anything that no document could say") {
  check_refused("\xff\xff", "cannot be decoded");
  check_refused("", "default mode");
  check_refused(changed([](auto& w) { w.clear_default_mode(); }), "default mode");
  check_refused(changed([](auto& w) { w.set_default_mode(static_cast<callgate::v1::PolicyMode>(7)); }),
                "default mode");
  check_refused(changed([](auto& w) { w.mutable_policies(0)->clear_mode(); }), "mode");
  check_refused(changed([](auto& w) { w.mutable_policies(0)->clear_callers(); }), "`callers` is empty");
  check_refused(changed([](auto& w) { w.mutable_policies(0)->clear_targets(); }), "`targets` is empty");
  check_refused(changed([](auto& w) { w.mutable_policies(0)->clear_rules(); }), "`rules` is empty");
  check_refused(changed([](auto& w) { w.mutable_policies(0)->clear_record(); }), "what is recorded");
  for (const std::int64_t time : {std::int64_t{-1}, std::int64_t{1} << 32}) {
    check_refused(
        changed([&](auto& w) { w.mutable_policies(0)->mutable_record()->set_retain_seconds(time); }),
        "kept for a time");
  }
  check_refused(
      changed([](auto& w) {
        w.mutable_policies(0)->mutable_record()->set_durability(callgate::v1::POLICY_DURABILITY_UNSPECIFIED);
      }),
      "durability");
  check_refused(changed([](auto& w) { w.mutable_policies(0)->mutable_callers(0)->Clear(); }), "no field");
  check_refused(changed([](auto& w) { w.mutable_policies(0)->mutable_rules(0)->clear_functions(); }),
                "`functions` is empty");
  check_refused(changed([](auto& w) { w.mutable_policies(0)->mutable_rules(0)->clear_action(); }), "action");
  check_refused(changed([](auto& w) { w.mutable_policies(0)->mutable_rules(0)->set_functions(0, "sql:*"); }),
                "sql");
  check_refused(changed([](auto& w) { w.mutable_policies(0)->mutable_targets(0)->clear_upstream(); }), "TLS");
  check_refused(changed([](auto& w) { w.mutable_policies(0)->mutable_targets(0)->clear_protocol(); }),
                "protocol");
  check_refused(changed([](auto& w) { w.mutable_policies(0)->mutable_targets(2)->clear_port(); }),
                "needs a port");
  check_refused(changed([](auto& w) { w.mutable_policies(0)->mutable_targets(0)->set_port(65536); }),
                "65535");
  check_refused(changed([](auto& w) { w.mutable_policies(0)->mutable_targets(0)->set_host("*x"); }), "host");
  check_refused(changed([](auto& w) { w.mutable_policies(0)->mutable_targets(1)->set_host("*"); }),
                "exact host");
  check_refused(changed([](auto& w) {
                  w.mutable_policies(0)->mutable_targets(0)->mutable_upstream()->set_trust(
                      callgate::v1::POLICY_TRUST_SYSTEM);
                }),
                "trust bundle");
  check_refused(changed([](auto& w) { *w.add_policies() = w.policies(0); }), "same name");
  check_refused(changed([](auto& w) { w.mutable_resolved(0)->set_addresses(0, "abc"); }), "address");
  check_refused(changed([](auto& w) { w.mutable_resolved(0)->set_host("*"); }), "resolved host");
  check_refused(changed([](auto& w) { *w.add_resolved() = w.resolved(0); }), "twice");
}

TEST_CASE("a field that this build does not know may be a restriction, so it is refused at any depth") {
  const auto unknown = [](google::protobuf::Message& message) {
    message.GetReflection()->MutableUnknownFields(&message)->AddVarint(999, 1);
  };
  check_refused(changed([&](auto& w) { unknown(w); }), "does not know");
  check_refused(changed([&](auto& w) { unknown(*w.mutable_policies(0)); }), "does not know");
  check_refused(changed([&](auto& w) { unknown(*w.mutable_policies(1)->mutable_rules(0)); }),
                "does not know");
  check_refused(
      changed([&](auto& w) { unknown(*w.mutable_policies(0)->mutable_targets(0)->mutable_upstream()); }),
      "does not know");
}
