#include "cli/top_table.hpp"

#include <sstream>

#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>
#include <fmt/format.h>

using namespace callgate;
using namespace callgate::cli;

namespace {

v1::Record call(const std::string& workload, const std::string& function, std::uint32_t microseconds = 1000) {
  v1::Record record;
  record.set_kind(v1::Record::KIND_CALL);
  record.mutable_workload()->set_name(workload);
  record.set_function(function);
  record.mutable_decision()->set_verdict(v1::VERDICT_ALLOW);
  record.set_outcome(v1::OUTCOME_COMPLETED);
  record.mutable_timings()->set_total_us(microseconds);
  return record;
}

v1::Record denied(const std::string& workload, const std::string& function) {
  auto record = call(workload, function);
  record.mutable_decision()->set_verdict(v1::VERDICT_DENY);
  record.set_outcome(v1::OUTCOME_DENIED);
  return record;
}

std::string printed(const TopTable::Picture& picture, double seconds, std::size_t rows = 0) {
  std::ostringstream out;
  std::ostringstream err;
  print_picture(picture, v1::StatusReply(), seconds, rows, Output{out, err});
  return out.str();
}

std::size_t lines(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

TEST_CASE("percentiles are right to a step, and never below the truth") {
  Latencies latencies;
  CHECK(latencies.percentile(0.5) == 0);
  for (std::uint64_t i = 1; i <= 1000; ++i)
    latencies.add(i * 10);
  CHECK(latencies.percentile(0.5) >= 5000);
  CHECK(latencies.percentile(0.5) < 6000);
  CHECK(latencies.percentile(0.99) >= 9900);
  CHECK(latencies.percentile(0.99) < 11900);
  latencies.add(~0ULL);  // as slow as can be
  latencies.add(0);
  CHECK(latencies.percentile(1) > 1'000'000'000);
}

TEST_CASE("calls are counted by workload and by function, and forgotten with each picture") {
  TopTable table;
  for (int i = 0; i < 6; ++i)
    table.add(call("shop", "http:GET a/"));
  table.add(denied("shop", "http:DELETE a/"));
  table.add(call("bank", "http:GET a/"));
  auto failed = call("bank", "http:GET b/");
  failed.set_outcome(v1::OUTCOME_FAILED);
  table.add(failed);
  auto picture = table.take(TopSort::calls);
  REQUIRE(picture.workloads.size() == 2);
  CHECK(picture.workloads[0].name == "shop");
  CHECK(picture.workloads[0].calls == 7);
  CHECK(picture.workloads[0].denied == 1);
  CHECK(picture.workloads[1].failed == 1);
  REQUIRE(picture.functions.size() == 3);
  CHECK(picture.functions[0].name == "http:GET a/");
  CHECK(picture.functions[0].calls == 7);
  CHECK(picture.all.calls == 9);
  CHECK(table.take(TopSort::calls).workloads.empty());
}

TEST_CASE("the order is what was asked for") {
  TopTable table;
  for (int i = 0; i < 9; ++i)
    table.add(call("many", "f"));
  table.add(denied("refused", "f"));
  table.add(call("slow", "f", 9'000'000));
  const auto first = [&](TopSort sort) {
    TopTable copy = table;
    return copy.take(sort).workloads.front().name;
  };
  CHECK(first(TopSort::calls) == "many");
  CHECK(first(TopSort::denied) == "refused");
  CHECK(first(TopSort::p99) == "slow");
}

TEST_CASE("names that nobody could look through share a row") {
  TopTable table;
  for (int i = 0; i < 5000; ++i)
    table.add(call("shop", fmt::format("http:GET a/{}", i)));
  const auto picture = table.take(TopSort::calls);
  CHECK(picture.functions.size() == TopTable::most_names + 1);
  CHECK(picture.functions.front().name == "(others)");
  CHECK(picture.functions.front().calls == 5000 - TopTable::most_names);
}

TEST_CASE("a flow without a call is named by its destination") {
  TopTable table;
  v1::Record flow;
  flow.set_kind(v1::Record::KIND_FLOW);
  flow.set_outcome(v1::OUTCOME_REFUSED);
  table.add(flow);
  const auto picture = table.take(TopSort::calls);
  CHECK(picture.workloads[0].name == "(unknown)");
  CHECK(picture.functions[0].name.find("connection to") == 0);
  CHECK(picture.functions[0].failed == 1);
}

TEST_CASE("a picture has rates, and as many lines as there is room for") {
  TopTable table;
  for (int i = 0; i < 40; ++i) {
    table.add(call(fmt::format("w{}", i), fmt::format("f{}", i)));
    table.add(call(fmt::format("w{}", i), "\x1b[2Jhostile"));
  }
  const auto picture = table.take(TopSort::calls);
  const auto whole = printed(picture, 2);
  CHECK(whole.find("40.0 calls/s") != std::string::npos);
  CHECK(whole.find('\x1b') == std::string::npos);
  CHECK(lines(whole) == 5 + 40 + 41);
  for (const std::size_t rows : {10U, 24U, 60U}) {
    CAPTURE(rows);
    CHECK(lines(printed(picture, 2, rows)) <= rows);
  }
}

TEST_CASE("a picture for programs") {
  TopTable table;
  table.add(call("shop", "f"));
  const auto json =
      boost::json::parse(picture_to_json(table.take(TopSort::calls), v1::StatusReply(), 2)).as_object();
  CHECK(json.at("workloads").as_array().at(0).as_object().at("calls_per_second").as_double() == 0.5);
  CHECK(json.at("functions").as_array().at(0).as_object().at("name") == "f");
}
