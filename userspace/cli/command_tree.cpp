#include "cli/command_tree.hpp"

#include <algorithm>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

namespace callgate::cli {
namespace {

// "TEXT:{allow,deny}" and "INT in [1 - 5]" say more than a name.
void read_type(const std::string& type, OptionText& text) {
  const std::size_t open = type.find('{');
  const std::size_t close = type.find('}');
  if (open != std::string::npos && close != std::string::npos) {
    std::string_view list(type);
    list = list.substr(open + 1, close - open - 1);
    while (!list.empty()) {
      const std::size_t end = std::min(list.find(','), list.size());
      text.choices.emplace_back(list.substr(0, end));
      list.remove_prefix(std::min(end + 1, list.size()));
    }
  }
  text.value = type.substr(0, type.find_first_of(": "));
}

OptionText describe(const CLI::Option& option) {
  OptionText text;
  for (const std::string& name : option.get_snames())
    text.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames())
    text.names.push_back("--" + name);
  if (text.names.empty()) text.names.push_back(option.get_name(true));
  const bool flag = option.get_items_expected_max() == 0;
  if (!flag) read_type(option.get_type_name(), text);
  if (!flag && text.value.empty()) text.value = "VALUE";
  text.description = option.get_description();
  text.required = option.get_required();
  text.repeated = option.get_expected_max() > 1;
  return text;
}

void describe(const CLI::App& app, CommandText& command) {
  for (const CLI::Option* option : app.get_options()) {
    (option->get_positional() ? command.arguments : command.options).push_back(describe(*option));
  }
  for (const CLI::App* part : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (part->get_name().empty()) {
      describe(*part, command);  // a group of options
      continue;
    }
    CommandText below;
    below.name = part->get_name();
    below.path = command.path.empty() ? below.name : command.path + " " + below.name;
    below.description = part->get_description();
    below.footer = part->get_footer();
    describe(*part, below);
    command.commands.push_back(std::move(below));
  }
}

}  // namespace

CommandText describe(const CLI::App& app) {
  CommandText program;
  program.name = app.get_name();
  program.description = app.get_description();
  program.footer = app.get_footer();
  describe(app, program);
  return program;
}

}  // namespace callgate::cli
