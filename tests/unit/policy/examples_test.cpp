// Holds the examples of policies/ to their cases.
#include <filesystem>
#include <string>

#include <catch2/catch.hpp>

#include "base/file.hpp"
#include "policy/engine.hpp"
#include "policy/fields.hpp"
#include "policy/loader.hpp"
#include "policy/path.hpp"
#include "policy/yaml_tree.hpp"

using namespace callgate;
using namespace callgate::policy;

namespace {

// "http:GET host:80/path", "tls:connect name:443"; the views are of `text` and `storage`.
Call parse_call(std::string_view text, std::string& storage) {
  Call call;
  const auto colon = text.find(':');
  const auto space = text.find(' ');
  REQUIRE(space != std::string_view::npos);
  call.protocol = text.substr(0, colon);
  call.method = text.substr(colon + 1, space - colon - 1);
  const auto where = text.substr(space + 1);
  const auto path = std::min(where.find_first_of("/*"), where.size());
  const auto port = where.rfind(':', path);
  REQUIRE(port != std::string_view::npos);
  call.host = where.substr(0, port);
  call.port = static_cast<std::uint16_t>(std::stoi(std::string(where.substr(port + 1, path - port - 1))));
  if (call.protocol == "http") {
    const auto normal = normalize_path(where.substr(path), storage);
    REQUIRE(normal.has_value());
    call.path = *normal;
  }
  return call;
}

void run_case(const Engine& engine, const YamlNode& node, Findings& findings) {
  Fields fields(node, "the case", {"workload", "process", "call", "expect", "rule", "reason"}, {}, findings);
  const auto workload = fields.text("workload", true).value_or("");
  const auto process = fields.text("process", false).value_or("");
  const auto text = fields.text("call", true).value_or("");
  enum class Expected { allow, deny, observe };
  const auto expected = fields.word<Expected>(
      "expect", true, {{"allow", Expected::allow}, {"deny", Expected::deny}, {"observe", Expected::observe}});
  const auto rule = fields.text("rule", false);
  const auto reason = fields.text("reason", false);
  REQUIRE((rule || reason));
  std::string storage;
  const auto decision = engine.decide({workload, "", process}, parse_call(text, storage));
  CAPTURE(node.line, workload, process, text, decision.reason, decision.rule);
  CHECK(decision.enforced == (expected != Expected::observe));
  if (decision.enforced) CHECK((decision.verdict == Verdict::allow) == (expected == Expected::allow));
  if (rule) CHECK(decision.rule == *rule);
  if (reason) CHECK(decision.reason == *reason);
}

// How many cases a file has; checks all of them.
std::size_t run_cases(const std::filesystem::path& path) {
  const auto text = read_file(path.string());
  REQUIRE(text.has_value());
  const auto yaml = read_yaml(*text, 1U << 20U);
  REQUIRE(yaml.faults.empty());
  REQUIRE(yaml.documents.size() == 1);
  Findings findings(path.string());
  Fields fields(yaml.documents[0], "the file", {"policies", "default_mode", "cases"}, {}, findings);
  std::vector<std::string> files;
  for (const auto& file : fields.list("policies"))
    files.push_back((path.parent_path() / file.text).string());
  const auto loaded = load_files(files);
  INFO(loaded.report());
  REQUIRE(loaded.ok());
  const auto mode =
      fields.word<Mode>("default_mode", true, {{"observe", Mode::observe}, {"enforce", Mode::enforce}});
  REQUIRE(mode);
  const auto engine = Engine::compile(loaded.policies, *mode);
  const auto cases = fields.list("cases");
  for (const auto& node : cases)
    run_case(*engine, node, findings);
  CHECK(findings.size() == 0);
  return cases.size();
}

}  // namespace

TEST_CASE("every example has cases, and they are decided as written") {
  std::size_t examples = 0;
  for (const auto& entry : std::filesystem::directory_iterator(CALLGATE_POLICIES)) {
    const auto name = entry.path().filename().string();
    if (!name.ends_with(".yaml") || name.ends_with(".cases.yaml")) continue;
    CAPTURE(name);
    const auto cases = entry.path().parent_path() / (entry.path().stem().string() + ".cases.yaml");
    REQUIRE(std::filesystem::exists(cases));
    CHECK(run_cases(cases) > 0);
    ++examples;
  }
  CHECK(examples >= 4);
}

TEST_CASE("the directory of examples loads as a whole") {
  const auto loaded = load_directory(CALLGATE_POLICIES);
  INFO(loaded.report());
  CHECK(loaded.ok());
}
