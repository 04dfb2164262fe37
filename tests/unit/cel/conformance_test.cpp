// Holds the implementation to the public conformance cases, where they are: in the directory that
// CALLGATE_CEL_SPEC names, or beside the project's own directory.
#include "conformance.hpp"

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>

#include "base/file.hpp"

namespace {

constexpr int skipped = 77;  // for ctest: did not run

struct Count {
  int passed = 0;
  int failed = 0;
  std::map<std::string, int> missing;
};

Count run_file(const std::filesystem::path& path, bool verbose) {
  Count count;
  const std::string file = path.stem().string();
  const auto text = callgate::read_file(path.string());
  const auto parsed = boost::json::parse(text.value(), {}, {.max_depth = 256});
  for (const auto& test : parsed.at("tests").as_array()) {
    const auto missing = callgate::cel::testing::missing_part(file, test.as_object());
    if (!missing.empty()) {
      ++count.missing[missing];
      continue;
    }
    callgate::cel::testing::Outcome outcome;
    try {
      outcome = callgate::cel::testing::run_case(test.as_object());
    } catch (const std::exception& error) {
      outcome.reason = error.what();
    }
    ++(outcome.passed ? count.passed : count.failed);
    if (outcome.passed && !verbose) continue;
    std::cout << (outcome.passed ? "passed " : "FAILED ") << file << "/" << test.at("section").as_string()
              << "/" << test.at("name").as_string() << ": " << test.at("expr").as_string() << ": "
              << outcome.reason << '\n';
  }
  return count;
}

}  // namespace

int main(int count, char**) {
  const char* const named = std::getenv("CALLGATE_CEL_SPEC");
  const std::filesystem::path directory = named != nullptr ? named : CALLGATE_SOURCE "/../shared/cel-spec";
  if (!std::filesystem::is_directory(directory)) {
    std::cout << "not run: the conformance cases are not in " << directory.string() << '\n';
    return skipped;
  }
  int failed = 0;
  int passed = 0;
  std::map<std::filesystem::path, Count> counts;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().extension() == ".json") counts[entry.path()] = run_file(entry.path(), count > 1);
  }
  for (const auto& [path, result] : counts) {
    std::cout << path.stem().string() << ": " << result.passed << " passed";
    if (result.failed > 0) std::cout << ", " << result.failed << " FAILED";
    for (const auto& [part, number] : result.missing)
      std::cout << ", " << number << " need " << part;
    std::cout << '\n';
    failed += result.failed;
    passed += result.passed;
  }
  std::cout << passed << " passed, " << failed << " failed\n";
  return failed == 0 && passed > 1000 ? 0 : 1;
}
