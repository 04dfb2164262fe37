// callgate policy test: holds policies to the cases beside them.
#include <algorithm>
#include <filesystem>
#include <memory>
#include <ostream>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "base/file.hpp"
#include "cli/command.hpp"
#include "cli/policy_cases.hpp"
#include "cli/policy_files.hpp"
#include "cli/text.hpp"

namespace callgate::cli {
namespace {

namespace json = boost::json;

struct Tally {
  std::size_t passed = 0;
  json::array failures;
  bool unusable = false;
};

void report_failure(const std::string& file, const policy::CallCase& item, const std::string& why,
                    const Output& output, Tally& tally) {
  tally.failures.push_back(
      json::object{{"file", file}, {"line", item.line}, {"case", item.name}, {"detail", why}});
  if (output.json) return;
  output.out << output.paint("FAILED", Colour::bad) << ' ' << safe(file) << ':' << item.line << ": "
             << safe(item.name) << "\n  " << safe(why) << '\n';
}

void run_file(const Context& context, const std::string& file, Tally& tally) {
  const auto cases = read_cases(context, file);
  if (!cases) {
    tally.unusable = true;
    return;
  }
  std::vector<std::string> files;
  for (const auto& policy : cases->policies)
    files.push_back((std::filesystem::path(file).parent_path() / policy).string());
  const auto loaded = read_policies(context, files, policy::Unhonoured::accepted);
  if (!loaded) {
    tally.unusable = true;
    return;
  }
  const auto engine = policy::Engine::compile(loaded->policies, cases->default_mode);
  for (const auto& item : cases->cases) {
    const auto why = policy::mismatch(item, policy::decide_case(*engine, item.text));
    if (why) {
      report_failure(file, item, *why, context.output, tally);
    } else {
      ++tally.passed;
    }
  }
}

int test_policies(const Context& context, const std::vector<std::string>& paths) {
  const auto files = case_files(paths);
  if (files.empty()) {
    return context.fail(make_error(
        "not_found", "there is no *.cases.yaml; write one beside the policy, as policies/ has them"));
  }
  Tally tally;
  for (const auto& file : files)
    run_file(context, file, tally);
  const auto& output = context.output;
  const bool good = tally.failures.empty() && !tally.unusable;
  if (output.json) {
    output.out << json::serialize(json::object{{"ok", good},
                                               {"files", files.size()},
                                               {"passed", tally.passed},
                                               {"failures", std::move(tally.failures)}})
               << '\n';
  } else {
    output.out << fmt::format("{} passed, {} failed, in {} file{}\n", tally.passed, tally.failures.size(),
                              files.size(), files.size() == 1 ? "" : "s");
  }
  return good ? exit_ok : exit_finding;
}

}  // namespace

std::vector<std::string> case_files(const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  const auto is_cases = [](const std::string& name) {
    return name.ends_with(".cases.yaml") || name.ends_with(".cases.yml");
  };
  for (const auto& path : paths) {
    std::error_code failure;
    if (!std::filesystem::is_directory(path, failure)) {
      files.push_back(path);
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator(path, failure)) {
      if (is_cases(entry.path().filename().string())) files.push_back(entry.path().string());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::optional<policy::CaseFile> read_cases(const Context& context, const std::string& file) {
  constexpr std::size_t largest = (1U << 20U) + 1;
  const auto text = read_file(file, largest);
  if (!text) {
    (void)context.fail(text.error());
    return std::nullopt;
  }
  auto cases = policy::parse_cases(*text, file);
  for (const auto& finding : cases.findings)
    context.output.err << safe_lines(policy::format_finding(finding, *text));
  if (policy::has_error(cases.findings)) return std::nullopt;
  return cases;
}

void add_policy_test(CLI::App& group, Context& context) {
  auto paths = std::make_shared<std::vector<std::string>>();  // shared: with the action
  auto* const command =
      group.add_subcommand("test", "Hold policies to the cases beside them, without the agent");
  command->add_option("PATH", *paths, "Files of cases, or directories that hold *.cases.yaml")->required();
  command->footer(
      "A file of cases names its policies, and says of each call what must be decided and why. Exit status 1 "
      "if a "
      "case is decided otherwise, or a file cannot be used.\n"
      "\n"
      "Examples:\n"
      "  callgate policy test policies/\n"
      "  callgate policy test /etc/callgate/policies/payments.cases.yaml");
  command->callback(
      [&context, paths] { context.action = [&context, paths] { return test_policies(context, *paths); }; });
}

}  // namespace callgate::cli
