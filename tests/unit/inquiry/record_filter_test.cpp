#include "inquiry/record_filter.hpp"

#include <functional>
#include <vector>

#include <catch2/catch.hpp>

#include "inquiry/column.hpp"

using namespace callgate;
using namespace callgate::inquiry;

namespace {

v1::Record sample() {
  v1::Record record;
  record.set_kind(v1::Record::KIND_CALL);
  record.set_session_id(std::string(15, '\0') + "\x2a");
  record.set_call_id("\xab" + std::string(14, '\0') + "\x2b");
  record.set_opened_ns(1000);
  record.mutable_workload()->set_name("shop");
  record.mutable_workload()->set_spiffe_id("spiffe://prod/ns/pay/sa/checkout");
  record.mutable_process()->set_exe_path("/usr/bin/python3.11");
  record.mutable_destination()->set_port(8080);
  record.mutable_target()->set_host("API.pay.internal");
  record.mutable_target()->set_port(8443);
  record.set_function("http:POST api.pay.internal/v1/refunds");
  record.mutable_decision()->set_verdict(v1::VERDICT_DENY);
  record.mutable_decision()->set_enforced(true);
  record.mutable_decision()->set_policy("shop/payments");
  record.mutable_decision()->set_rule("refunds");
  record.set_outcome(v1::OUTCOME_DENIED);
  record.set_status(403);
  record.set_error_code("denied_by_policy");
  record.mutable_timings()->set_total_us(80'000);
  return record;
}

bool passes(const std::function<void(v1::SessionFilter&)>& set, const v1::Record& record = sample()) {
  v1::SessionFilter filter;
  set(filter);
  const auto checked = check_filter(filter);
  REQUIRE(checked.has_value());
  return matches(*checked, record);
}

std::string refusal(const std::function<void(v1::SessionFilter&)>& set) {
  v1::SessionFilter filter;
  set(filter);
  const auto checked = check_filter(filter);
  return checked ? "" : checked.error().code;
}

using Filter = v1::SessionFilter;

}  // namespace

TEST_CASE("a filter without conditions takes every record, also one without anything") {
  CHECK(passes([](Filter&) {}));
  CHECK(passes([](Filter&) {}, v1::Record()));
}

TEST_CASE("each condition takes the record that meets it, and no other") {
  struct Case {
    const char* what;
    std::function<void(Filter&)> met;
    std::function<void(Filter&)> not_met;
  };
  const std::vector<Case> cases{
      {"workload", [](Filter& f) { f.set_workload("shop"); }, [](Filter& f) { f.set_workload("sho"); }},
      {"namespace", [](Filter& f) { f.set_namespace_("pay"); }, [](Filter& f) { f.set_namespace_("p*"); }},
      {"process", [](Filter& f) { f.set_process_glob("/usr/bin/python3*"); },
       [](Filter& f) { f.set_process_glob("/usr/bin/python3"); }},
      {"function", [](Filter& f) { f.set_function_glob("http:POST *"); },
       [](Filter& f) { f.set_function_glob("http:GET *"); }},
      {"host", [](Filter& f) { f.set_host("*.PAY.internal"); },
       [](Filter& f) { f.set_host("pay.internal"); }},
      {"port", [](Filter& f) { f.set_port(8443); }, [](Filter& f) { f.set_port(8080); }},
      {"decision", [](Filter& f) { f.set_decision("deny"); }, [](Filter& f) { f.set_decision("allow"); }},
      {"policy", [](Filter& f) { f.set_policy("shop/payments"); },
       [](Filter& f) { f.set_policy("payments"); }},
      {"rule", [](Filter& f) { f.set_rule("refunds"); }, [](Filter& f) { f.set_rule("read"); }},
      {"outcome", [](Filter& f) { f.set_outcome("denied"); }, [](Filter& f) { f.set_outcome("completed"); }},
      {"error", [](Filter& f) { f.set_error_code("denied_by_policy"); },
       [](Filter& f) { f.set_error_code("denied"); }},
      {"status", [](Filter& f) { f.set_status("403"); }, [](Filter& f) { f.set_status("404"); }},
      {"class", [](Filter& f) { f.set_status("4xx"); }, [](Filter& f) { f.set_status("5XX"); }},
      {"session", [](Filter& f) { f.set_id("00002a"); }, [](Filter& f) { f.set_id("00002c"); }},
      {"call", [](Filter& f) { f.set_id("ab000000"); }, [](Filter& f) { f.set_id("ac000000"); }},
      {"duration", [](Filter& f) { f.set_min_duration_us(80'000); },
       [](Filter& f) { f.set_min_duration_us(80'001); }},
      {"since", [](Filter& f) { f.set_since(1000); }, [](Filter& f) { f.set_since(1001); }},
      {"until", [](Filter& f) { f.set_until(1001); }, [](Filter& f) { f.set_until(1000); }},
  };
  for (const auto& each : cases) {
    INFO(each.what);
    CHECK(passes(each.met));
    CHECK_FALSE(passes(each.not_met));
    CHECK_FALSE(passes([&](Filter& f) {
      each.met(f);
      f.set_workload("another");
    }));
  }
}

TEST_CASE("conditions do not take records that have nothing to compare with") {
  for (const auto& set : std::vector<std::function<void(Filter&)>>{
           [](Filter& f) { f.set_status("403"); }, [](Filter& f) { f.set_namespace_("pay"); },
           [](Filter& f) { f.set_id("000000"); }, [](Filter& f) { f.set_decision("allow"); },
           [](Filter& f) { f.set_decision("would-deny"); }, [](Filter& f) { f.set_port(80); },
           [](Filter& f) { f.set_function_glob("a*"); }}) {
    CHECK_FALSE(passes(set, v1::Record()));
  }
}

TEST_CASE("a port is the destination's where the call names no target") {
  auto record = sample();
  record.clear_target();
  CHECK(passes([](Filter& f) { f.set_port(8080); }, record));
}

TEST_CASE("what observed policies would deny is told from what was denied") {
  auto observed = sample();
  observed.mutable_decision()->set_enforced(false);
  auto trial = sample();
  trial.mutable_decision()->set_verdict(v1::VERDICT_ALLOW);
  trial.mutable_decision()->mutable_trial()->set_policy("next");
  trial.mutable_decision()->mutable_trial()->set_rule("strict");
  const auto would = [](Filter& f) { f.set_decision("would-deny"); };
  CHECK_FALSE(passes(would));
  CHECK(passes(would, observed));
  CHECK(passes(would, trial));
  // Policy and rule are those that decided, as in the index.
  CHECK_FALSE(passes([](Filter& f) { f.set_policy("next"); }, trial));
  CHECK_FALSE(passes([](Filter& f) { f.set_rule("strict"); }, trial));
  CHECK(column_value(v1::SESSION_COLUMN_DECISION, trial) == "would-deny");
  CHECK(column_value(v1::SESSION_COLUMN_DECISION, sample()) == "deny");
}

TEST_CASE("a filter that nothing can pass by mistake is refused") {
  CHECK(refusal([](Filter& f) { f.set_decision("maybe"); }) == "invalid");
  CHECK(refusal([](Filter& f) { f.set_outcome("good"); }) == "invalid");
  CHECK(refusal([](Filter& f) { f.set_port(65536); }) == "invalid");
  for (const auto* status : {"40", "4x", "4xxx", "xxx", "0xx", "4x3", "40x", "-1", "403 "})
    CHECK(refusal([&](Filter& f) { f.set_status(status); }) == "invalid");
  for (const auto* id : {"00000", "ABCDEF", "zzzzzz", "000000000000000000000000000000000"})
    CHECK(refusal([&](Filter& f) { f.set_id(id); }) == "invalid");
  CHECK(refusal([](Filter& f) {
          f.set_since(5);
          f.set_until(5);
        }) == "invalid");
  CHECK(refusal([](Filter& f) { f.set_host(std::string(10'000, 'a')); }) == "invalid");
}

TEST_CASE("every column that can be counted by has a value") {
  for (const auto& [name, column] : columns) {
    INFO(name);
    CHECK_FALSE(column_value(column, sample()).empty());
    CHECK(column_value(column, v1::Record()).empty());
  }
  CHECK(column_value(v1::SESSION_COLUMN_NAMESPACE, sample()) == "pay");
  CHECK(column_value(v1::SESSION_COLUMN_STATUS, sample()) == "403");
}
