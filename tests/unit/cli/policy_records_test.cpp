// The commands that make policies of records, against an agent that has some.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <mutex>

#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "../control/fake_backend.hpp"
#include "command_run.hpp"
#include "sample.hpp"

using namespace callgate;
using namespace callgate::cli;
using namespace callgate::cli::testing;

namespace {

constexpr std::size_t recorded = 2500;
constexpr std::uint32_t largest_answer = 200;

// Has `recorded` calls of the workload `shop`, and answers with so many that they fit.
class Archive : public control::test::FakeBackend {
 public:
  Result<v1::ListSessionsReply> list_sessions(const control::Peer&,
                                              const v1::ListSessionsRequest& request) override {
    const std::lock_guard lock(mutex_);
    filter_ = request.filter();
    v1::ListSessionsReply reply;
    if (endless_) reply.set_next_page_token("again");
    if (request.filter().workload() == "nobody" || endless_) return reply;
    if (request.page_size() > largest_answer) return make_error("too_large", "less at once");
    std::size_t at = request.page_token().empty() ? 0 : std::stoul(request.page_token());
    for (std::uint32_t i = 0; i < request.page_size() && at < recorded; ++i, ++at) {
      auto& record = *reply.add_records() = cli::test::sample();
      record.set_function(
          fmt::format("http:GET pay.internal/v1/customers/{}{}", at, at % 2 == 0 ? "" : "/cards"));
      record.mutable_target()->set_port(8080);
    }
    if (at < recorded) reply.set_next_page_token(std::to_string(at));
    return reply;
  }
  v1::SessionFilter filter() {
    const std::lock_guard lock(mutex_);
    return filter_;
  }
  void never_end() { endless_ = true; }

 private:
  std::mutex mutex_;
  v1::SessionFilter filter_;
  bool endless_ = false;
};

class Agent {
 public:
  Agent() {
    control::ServerOptions options;
    options.socket = directory.path + "/control.sock";
    std::vector<std::string> unknown;
    options.access.admins = control::Users::resolve({std::to_string(::getuid())}, unknown);
    server_ = control::Server::start(std::move(options), archive).value();
  }
  [[nodiscard]] Ran callgate(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"--socket", directory.path + "/control.sock"});
    return run(arguments);
  }

  Directory directory;
  Archive archive;

 private:
  std::unique_ptr<control::Server> server_;
};

std::string policy(const std::string& functions) {
  return "apiVersion: callgate.dev/v1\nkind: CallPolicy\nmetadata: {name: p}\nspec:\n  callers: [{workload: "
         "shop}]\n"
         "  targets: [{host: pay.internal, port: 8080}]\n  rules: [{name: read, functions: [\"" +
         functions + "\"], action: allow}]\n";
}

}  // namespace

TEST_CASE("policy suggest reads all pages, and gives a policy that passes the check") {
  Agent agent;
  const auto made = agent.callgate(
      {"policy", "suggest", "--workload", "shop", "--since", "2026-01-01", "--until", "2026-12-31"});
  REQUIRE(made.status == exit_ok);
  CHECK(contains(made.out, "# Suggested from 2,500 recorded calls of workload shop"));
  CHECK(contains(made.out, "# 1,250 calls, "));
  CHECK(contains(made.out, "- \"http:GET /v1/customers/*/cards\""));
  CHECK(contains(made.out, "mode: observe"));
  CHECK(agent.archive.filter().workload() == "shop");
  CHECK(agent.archive.filter().since() == 1'767'225'600'000'000'000);
  CHECK(agent.archive.filter().until() == 1'798'675'200'000'000'000);
  CHECK(run({"policy", "check", agent.directory.write("s.yaml", made.out)}).status == exit_ok);
}

TEST_CASE("policy suggest writes a new file, and never over another") {
  Agent agent;
  const auto path = agent.directory.path + "/new.yaml";
  const std::vector<std::string> command{"policy", "suggest", "--workload", "shop",
                                         "--name", "mine",    "-o",         path};
  const auto made = agent.callgate(command);
  CHECK(made.status == exit_ok);
  CHECK(contains(made.out, "new.yaml: 2 functions for 2,500 calls; 0 denied calls are listed"));
  CHECK(contains(run({"policy", "check", path}).out, "mine: ok, observe, 1 rules"));
  const auto again = agent.callgate(command);
  CHECK(again.status == exit_refused);
  CHECK(contains(again.err, "new.yaml is there already"));
  const auto json =
      agent.callgate({"--json", "policy", "suggest", "--workload", "shop", "--mode", "enforce"});
  CHECK(boost::json::parse(json.out).at("calls") == 2500);
  CHECK(contains(std::string(boost::json::parse(json.out).at("document").as_string()), "mode: enforce"));
}

TEST_CASE("policy suggest says what is missing") {
  Agent agent;
  const auto none = agent.callgate({"policy", "suggest", "--workload", "nobody"});
  CHECK(none.status == exit_not_found);
  CHECK(none.out.empty());
  CHECK(contains(none.err, "nothing is recorded of workload `nobody` since 7d"));
  CHECK(agent.callgate({"policy", "suggest"}).status == exit_usage);
  CHECK(agent.callgate({"policy", "suggest", "--workload", "shop", "--name", "No"}).status == exit_usage);
  CHECK(agent.callgate({"policy", "suggest", "--workload", "shop", "--since", "whenever"}).status ==
        exit_usage);
  CHECK(run({"--socket", "/nowhere", "policy", "suggest", "--workload", "shop"}).status == exit_unreachable);
  agent.archive.never_end();
  CHECK(contains(agent.callgate({"policy", "suggest", "--workload", "shop"}).err, "the same page twice"));
}

TEST_CASE("policy diff tells which recorded calls come out differently") {
  Agent agent;
  const auto before = agent.directory.write("old.yaml", policy("http:GET /v1/**"));
  const auto after = agent.directory.write("new.yaml", policy("http:GET /v1/customers/*"));
  const auto ran =
      agent.callgate({"policy", "diff", before, after, "--against-sessions", "--workload", "shop"});
  CHECK(ran.status == exit_finding);
  CHECK(contains(ran.out, "1,250  pay.internal:8080  http:GET"));
  CHECK(contains(ran.out, "deny by policy p: no_rule_matches"));
  CHECK(contains(ran.out, "1,250 of 2,500 recorded calls are decided differently"));
  const auto json = boost::json::parse(
      agent.callgate({"--json", "policy", "diff", before, after, "--against-sessions"}).out);
  CHECK(json.at("sessions").at("decided_differently") == 1250);
  CHECK(json.at("sessions").at("groups").at(0).at("session") == "00000000000000000000000000000001");
  const auto same = agent.callgate({"policy", "diff", before, before, "--against-sessions"});
  CHECK(same.status == exit_ok);
  CHECK(contains(same.out, "0 of 2,500 recorded calls are decided differently"));
  CHECK_FALSE(contains(run({"--json", "policy", "diff", before, after}).out, "sessions"));
  CHECK(run({"policy", "diff", before, after, "--since", "1d"}).status == exit_usage);
}

TEST_CASE("policy diff counts what records cannot settle") {
  Agent agent;
  auto text = policy("http:GET /v1/**");
  const auto before = agent.directory.write("old.yaml", text);
  text.replace(text.find(", action"), 8, ", when: '\"x\" in call.headers', action");
  const auto after = agent.directory.write("new.yaml", text);
  const auto ran = agent.callgate({"policy", "diff", before, after, "--against-sessions"});
  CHECK(contains(ran.out,
                 "undecidable: 2,500 more: a condition looks at headers, query, body, process or subject"));
  CHECK(contains(ran.out, "0 of 0 recorded calls"));
}
