#include <algorithm>
#include <memory>
#include <ostream>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/policy_cases.hpp"
#include "cli/text.hpp"
#include "policy/loader.hpp"
#include "policy/schema.hpp"

namespace callgate::cli {
namespace {

boost::json::object to_json_object(const policy::LoadedPolicies& loaded) {
  boost::json::array findings;
  for (const auto& finding : loaded.findings) {
    const bool error = finding.severity == policy::Finding::Severity::error;
    findings.push_back(boost::json::object{{"severity", error ? "error" : "warning"},
                                           {"file", finding.file},
                                           {"line", finding.line},
                                           {"column", finding.column},
                                           {"message", finding.message},
                                           {"hint", finding.hint}});
  }
  boost::json::array names;
  for (const auto& policy : loaded.policies)
    names.emplace_back(policy::qualified_name(policy));
  return {{"ok", loaded.ok()},
          {"policies", std::move(names)},
          {"version", loaded.version},
          {"findings", std::move(findings)}};
}

int check_policies(const Context& context, const std::vector<std::string>& paths) {
  // Cases lie beside their policies, and are named by the same pattern.
  std::vector<std::string> files;
  bool cases_good = true;
  for (const auto& path : paths) {
    if (path.ends_with(".cases.yaml") || path.ends_with(".cases.yml")) {
      cases_good = read_cases(context, path).has_value() && cases_good;
    } else {
      files.push_back(path);
    }
  }
  if (files.empty()) return cases_good ? exit_ok : exit_finding;
  const auto loaded = policy::load_files(files);
  const auto& output = context.output;
  if (output.json) {
    output.out << boost::json::serialize(to_json_object(loaded)) << '\n';
    return loaded.ok() && cases_good ? exit_ok : exit_finding;
  }
  auto report = loaded.report();
  if (!report.empty() && report.back() != '\n') report += '\n';
  output.out << safe_lines(report);
  if (!loaded.ok()) return exit_finding;
  for (const auto& policy : loaded.policies) {
    output.out << safe(fmt::format("{}: ok, {}, {} rules", policy::qualified_name(policy),
                                   policy.mode == policy::Mode::enforce ? "enforce" : "observe",
                                   policy.rules.size()))
               << '\n';
  }
  return cases_good ? exit_ok : exit_finding;
}

}  // namespace

void add_policy_check(CLI::App& group, Context& context) {
  auto files =
      std::make_shared<std::vector<std::string>>();  // shared: with the action, which outlives this function
  auto* const command = group.add_subcommand("check", "Find mistakes in policy files, without the agent");
  command
      ->add_option("FILE", *files, "Policy files; several are checked together, as the agent would load them")
      ->required();
  command->footer(
      "Every mistake is shown with its file, line and column, and what was probably meant; exit status 1 if "
      "there is one. Warnings tell of rules that never match or never decide, and of what is broader than it "
      "looks.\n"
      "\n"
      "Examples:\n"
      "  callgate policy check payments.yaml\n"
      "  callgate policy check /etc/callgate/policies/*.yaml");
  command->callback(
      [&context, files] { context.action = [&context, files] { return check_policies(context, *files); }; });
}

void add_policy_schema(CLI::App& group, Context& context) {
  auto* const command =
      group.add_subcommand("schema", "Print the JSON Schema of policy documents, for editors");
  command->footer(
      "Examples:\n"
      "  callgate policy schema > callgate-policy.schema.json\n"
      "  # and in the first line of a policy:\n"
      "  # yaml-language-server: $schema=callgate-policy.schema.json");
  command->callback([&context] {
    context.action = [&context] {
      context.output.out << policy::document_schema();
      return exit_ok;
    };
  });
}

void add_policy(CLI::App& app, Context& context) {
  auto* const group = app.add_subcommand("policy", "Work with policies");
  group->require_subcommand(1);
  add_policy_check(*group, context);
  add_policy_explain(*group, context);
  add_policy_test(*group, context);
  add_policy_diff(*group, context);
  add_policy_suggest(*group, context);
  add_policy_status(*group, context);
  add_policy_schema(*group, context);
}

}  // namespace callgate::cli
