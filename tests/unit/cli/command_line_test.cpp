#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <catch2/catch.hpp>

#include "command_run.hpp"

using namespace callgate::cli;
using namespace callgate::cli::testing;

namespace {

const std::vector<std::vector<std::string>> commands{
    {"run"},
    {"enroll"},
    {"unenroll"},
    {"workloads"},
    {"status"},
    {"doctor"},
    {"metrics"},
    {"sessions", "list"},
    {"sessions", "show"},
    {"sessions", "tail"},
    {"sessions", "replay"},
    {"sessions", "search"},
    {"sessions", "export"},
    {"policy", "check"},
    {"policy", "explain"},
    {"policy", "test"},
    {"policy", "diff"},
    {"policy", "status"},
    {"policy", "schema"},
    {"config", "check"},
    {"identity", "show"},
    {"identity", "bundle"},
};

constexpr auto nowhere = "/nonexistent/control.sock";

}  // namespace

TEST_CASE("help teaches with examples, for each command") {
  const auto all = run({"--help"});
  CHECK(all.status == 0);
  CHECK(contains(all.out, "Exit status: 0"));
  for (auto command : commands) {
    CHECK(contains(all.out, "  " + command[0]));
    const auto last = command.back();
    command.emplace_back("--help");
    const auto help = run(command);
    INFO(last);
    CHECK(help.status == 0);
    CHECK(contains(help.out, "Examples:\n  "));
    CHECK(contains(help.out, "callgate "));
  }
}

TEST_CASE("the version is told") {
  CHECK(contains(run({"--version"}).out, "callgate 0."));
}

TEST_CASE("command lines without sense are usage errors") {
  for (const auto& arguments :
       std::vector<std::vector<std::string>>{{},
                                             {"no-such-command"},
                                             {"status", "extra"},
                                             {"status", "--no-such-option"},
                                             {"sessions"},
                                             {"sessions", "list", "--limit", "0"},
                                             {"sessions", "list", "--limit", "100001"},
                                             {"sessions", "list", "--count-by", "weather"},
                                             {"sessions", "list", "--port", "65536"},
                                             {"sessions", "list", "--sort", "size"},
                                             {"sessions", "search", "text"},
                                             {"sessions", "replay"},
                                             {"sessions", "export", "--format", "xml"},
                                             {"sessions", "list", "--decision", "maybe"},
                                             {"sessions", "show"},
                                             {"enroll"},
                                             {"enroll", "--pid", "0"},
                                             {"enroll", "--pid", "1", "--cgroup", "/x"},
                                             {"enroll", "--pid", "1", "--existing", "drop"},
                                             {"unenroll"},
                                             {"unenroll", ""},
                                             {"run"},
                                             {"run", "--"},
                                             {"run", "--name"},
                                             {"run", "--", ""},
                                             {"policy", "check"},
                                             {"policy", "explain"},
                                             {"policy", "test"},
                                             {"policy", "diff"},
                                             {"identity", "bundle", "--format", "der"}}) {
    const auto ran = run(arguments);
    INFO((arguments.empty() ? "nothing" : arguments[0]));
    CHECK(ran.status == 2);
    CHECK_FALSE(ran.err.empty());
    CHECK(ran.out.empty());
  }
  CHECK(run({"--socket", nowhere, "sessions", "list", "--since", "yesterday"}).status == 2);
}

TEST_CASE("an absent agent is told apart, with what to do") {
  for (auto command : commands) {
    if (command[0] == "policy" || command[0] == "config" || command[0] == "run" || command[0] == "doctor")
      continue;
    if (command[0] == "enroll") command.insert(command.end(), {"--pid", "1"});
    if (command[0] == "unenroll" || command.back() == "show" || command.back() == "replay")
      command.emplace_back("abcdef");
    if (command.back() == "search") command.insert(command.end(), {"text", "--since", "1h"});
    for (const bool before : {true, false}) {
      auto arguments = command;
      arguments.insert(before ? arguments.begin() : arguments.end(), {"--socket", nowhere});
      const auto ran = run(arguments);
      INFO(command[0]);
      CHECK(ran.status == 3);
      CHECK(contains(ran.err, "start it with"));
    }
  }
}

TEST_CASE("run fails as env does, and does not start the command without the agent") {
  const Directory directory;
  const auto mark = directory.write("mark", "");
  const auto ran = run({"--socket", nowhere, "run", "--", "rm", mark});
  CHECK(ran.status == 125);
  CHECK(contains(ran.err, "start it with"));
  CHECK(std::filesystem::exists(mark));
  CHECK(run({"--socket", nowhere, "run", "curl", "-sS", "--json", "x"}).status == 125);
  CHECK(run({"--socket", nowhere, "run", "--name", "a", "-v", "--", "curl", "--", "--help"}).status == 125);
}

TEST_CASE("doctor looks at the host without an agent, and fails for the agent") {
  const auto ran = run({"--socket", nowhere, "doctor"});
  CHECK(ran.status == 1);
  CHECK(contains(ran.out, "FAILED   agent"));
  CHECK(contains(ran.out, "cure: "));
  CHECK(contains(ran.out, "cgroup2"));
  const auto json = run({"--json", "--socket", nowhere, "doctor"});
  CHECK(contains(json.out, "{\"findings\":["));
}

TEST_CASE("config check shows places, and is quiet about a good file") {
  const Directory directory;
  const auto good = directory.write("good.yaml", "log: {level: debug}\n");
  CHECK(run({"config", "check", good}).out == good + ": ok\n");
  CHECK(run({"--config", good, "config", "check"}).status == 0);
  const auto bad = directory.write("bad.yaml", "log: {lvel: \"debug\"}\nx: 1\n");
  const auto ran = run({"config", "check", bad});
  CHECK(ran.status == 1);
  CHECK(contains(ran.out, bad + ":1:7: error: unknown key `lvel` in `log`"));
  CHECK(contains(ran.out, bad + ":2:1: error: unknown key `x`"));
  CHECK(contains(run({"--json", "config", "check", bad}).out, "{\"ok\":false,\"findings\":[{\"file\":"));
  CHECK(run({"config", "check", "/nonexistent"}).status == 1);
}

TEST_CASE("policy check shows places, and what a good file holds") {
  const Directory directory;
  const std::string text =
      "apiVersion: callgate.dev/v1\nkind: CallPolicy\nmetadata: {name: payments}\nspec:\n  mode: enforce\n"
      "  callers: [{workload: shop}]\n  targets: [{host: pay.internal}]\n"
      "  rules: [{name: read, functions: [\"http:GET /**\"], action: allow}]\n";
  const auto good = run({"policy", "check", directory.write("good.yaml", text)});
  CHECK(good.out == "payments: ok, enforce, 1 rules\n");
  CHECK(good.status == 0);
  auto broken = text;
  broken.replace(broken.find("rules:"), 6, "ruls: ");
  const auto path = directory.write("bad.yaml", broken);
  const auto bad = run({"policy", "check", path});
  CHECK(bad.status == 1);
  CHECK(contains(bad.out, path + ":8:3: error: "));
  CHECK(contains(run({"--json", "policy", "check", path}).out, "{\"ok\":false"));
}

TEST_CASE("the socket comes from the configuration where it is not named") {
  const Directory directory;
  const auto config = directory.write("callgate.yaml", "control: {socket: /nonexistent/from-config.sock}\n");
  const auto ran = run({"--config", config, "status"});
  CHECK(ran.status == 3);
  CHECK(contains(ran.err, "/nonexistent/from-config.sock"));
  CHECK(run({"--config", directory.write("bad.yaml", "x: 1\n"), "status"}).status == 1);
}
