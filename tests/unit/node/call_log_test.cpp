#include "node/call_log.hpp"

#include <catch2/catch.hpp>

#include "callgate/v1/record.pb.h"

using namespace callgate;
using node::CallLog;

namespace {

constexpr std::uint64_t second = 1'000'000'000;

v1::Record call(const std::string& workload) {
  v1::Record record;
  record.set_kind(v1::Record::KIND_CALL);
  record.mutable_workload()->set_name(workload);
  record.set_function("http:GET a.test/\n\x1b[31m");
  record.mutable_target()->set_host("a.test");
  record.mutable_target()->set_port(80);
  record.mutable_decision()->set_verdict(v1::VERDICT_DENY);
  record.mutable_decision()->set_enforced(true);
  record.mutable_decision()->set_policy("p");
  record.mutable_decision()->set_rule("r");
  record.set_outcome(v1::OUTCOME_DENIED);
  return record;
}

}  // namespace

TEST_CASE("a line says who called what, and what came of it") {
  CallLog log(10);
  const auto line = log.line(call("shop"), second);
  REQUIRE(line.has_value());
  CHECK(line->target == "a.test:80");
  CHECK(line->decision == "deny");
  CHECK(line->rule == "p.r");
  CHECK(line->outcome == "denied");
  CHECK(line->left_out == 0);
  v1::Record flow = call("shop");
  flow.set_kind(v1::Record::KIND_FLOW);
  flow.clear_decision();
  CHECK(log.line(flow, second)->function == "none");
  CHECK(log.line(flow, second)->decision == "none");
}

TEST_CASE("a storm of one workload's calls is sampled, counted, and leaves the others their lines") {
  CallLog log(10);
  std::uint64_t written = 0;
  for (int i = 0; i < 1000; ++i)
    written += log.line(call("loud"), second).has_value() ? 1U : 0U;
  CHECK(written == 50);
  CHECK(log.line(call("quiet"), second).has_value());
  const auto next = log.line(call("loud"), 2 * second);
  REQUIRE(next.has_value());
  CHECK(next->left_out == 950);
  CHECK(log.line(call("loud"), 2 * second)->left_out == 0);
}

TEST_CASE("no number of workloads makes the log's own memory grow without bound") {
  CallLog log(1);
  for (int i = 0; i < 1024; ++i)
    REQUIRE(log.line(call("w" + std::to_string(i)), second).has_value());
  std::uint64_t written = 0;
  for (int i = 0; i < 100; ++i)
    written += log.line(call("late" + std::to_string(i)), second).has_value() ? 1U : 0U;
  CHECK(written == 5);  // of one allowance
}

TEST_CASE("no line at all where none is wanted") {
  CallLog log(0);
  CHECK_FALSE(log.line(call("shop"), second).has_value());
}
