#include "config/config.hpp"

#include <memory>
#include <ostream>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "cli/command.hpp"
#include "cli/text.hpp"

namespace callgate::cli {
namespace {

int check_config(const Context& context, const std::string& file) {
  const auto loaded = config::load_config(file);
  const auto& output = context.output;
  if (output.json) {
    boost::json::array findings;
    for (const auto& finding : loaded.findings) {
      findings.push_back(boost::json::object{{"file", finding.file},
                                             {"line", finding.line},
                                             {"column", finding.column},
                                             {"message", finding.message},
                                             {"hint", finding.hint}});
    }
    output.out << boost::json::serialize(
                      boost::json::object{{"ok", loaded.findings.empty()}, {"findings", std::move(findings)}})
               << '\n';
  } else if (loaded.findings.empty()) {
    output.out << safe(file) << ": ok\n";
  } else {
    for (const auto& finding : loaded.findings)
      output.out << safe_lines(config::format_finding(finding)) << '\n';
  }
  return loaded.findings.empty() ? exit_ok : exit_finding;
}

}  // namespace

void add_config(CLI::App& app, Context& context) {
  auto* const group = app.add_subcommand("config", "Work with the agent's configuration");
  group->require_subcommand(1);
  auto file = std::make_shared<std::string>();  // shared: with the action, which outlives this function
  auto* const command = group->add_subcommand("check", "Find mistakes in a configuration, without the agent");
  command->add_option("FILE", *file,
                      std::string("The configuration (default: --config, or ") + config::default_path + ")");
  command->footer(
      "Every mistake is shown with its line and column, and what was probably meant; exit status 1 if there "
      "is one.\n"
      "\n"
      "Examples:\n"
      "  callgate config check\n"
      "  callgate config check ./callgate.yaml");
  command->callback([&context, file] {
    context.action = [&context, file] {
      return check_config(context, !file->empty()            ? *file
                                   : !context.config.empty() ? context.config
                                                             : config::default_path);
    };
  });
}

}  // namespace callgate::cli
