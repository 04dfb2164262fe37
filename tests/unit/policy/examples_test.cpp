// Holds the examples of policies/ to their cases.
#include <filesystem>
#include <string>

#include <catch2/catch.hpp>

#include "base/file.hpp"
#include "policy/cases.hpp"
#include "policy/loader.hpp"

using namespace callgate;
using namespace callgate::policy;

namespace {

// How many cases a file has; checks all of them.
std::size_t run_cases(const std::filesystem::path& path) {
  const auto text = read_file(path.string());
  REQUIRE(text.has_value());
  const auto parsed = parse_cases(*text, path.string());
  if (!parsed.findings.empty()) FAIL(format_finding(parsed.findings[0], *text));
  std::vector<std::string> files;
  for (const auto& file : parsed.policies)
    files.push_back((path.parent_path() / file).string());
  const auto loaded = load_files(files);
  INFO(loaded.report());
  REQUIRE(loaded.ok());
  const auto engine = Engine::compile(loaded.policies, parsed.default_mode);
  for (const auto& item : parsed.cases) {
    CAPTURE(item.line, item.name);
    CHECK(mismatch(item, decide_case(*engine, item.text)).value_or("") == "");
  }
  return parsed.cases.size();
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
  CHECK(examples >= 8);
}

TEST_CASE("the directory of examples loads as a whole") {
  const auto loaded = load_directory(CALLGATE_POLICIES);
  INFO(loaded.report());
  CHECK(loaded.ok());
}
