#include <ostream>

#include "base/file.hpp"
#include "cli/command.hpp"
#include "cli/command_tree.hpp"

namespace callgate::cli {
namespace {

Result<void> write_pages(const CommandText& command, const CommandText& program,
                         const std::string& directory) {
  CALLGATE_TRY(
      replace_file(directory + "/" + manual_name(command) + ".1", manual_page(command, program), 0644));
  for (const CommandText& below : command.commands)
    CALLGATE_TRY(write_pages(below, program, directory));
  return {};
}

}  // namespace

void add_completion(CLI::App& app, Context& context) {
  auto* const command =
      app.add_subcommand("completion", "Print a script that completes command lines in a shell");
  auto shell = std::make_shared<std::string>();
  command->add_option("SHELL", *shell, "The shell")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->footer(
      "Examples:\n"
      "  source <(callgate completion bash)                                     for this shell\n"
      "  callgate completion bash > /etc/bash_completion.d/callgate             for everybody\n"
      "  callgate completion fish > ~/.config/fish/completions/callgate.fish");
  command->callback([&app, &context, shell] {
    context.action = [&app, &context, shell] {
      const CommandText program = describe(app);
      context.output.out << (*shell == "bash"  ? bash_completion(program)
                             : *shell == "zsh" ? zsh_completion(program)
                                               : fish_completion(program));
      return exit_ok;
    };
  });
}

void add_man(CLI::App& app, Context& context) {
  auto* const command =
      app.add_subcommand("man", "Print the manual page of callgate, or write those of all commands");
  auto directory = std::make_shared<std::string>();
  command->add_option("--directory", *directory, "Write a page for each command into this directory")
      ->type_name("PATH");
  command->footer(
      "Examples:\n"
      "  callgate man | man -l -\n"
      "  callgate man --directory /usr/local/share/man/man1");
  command->callback([&app, &context, directory] {
    context.action = [&app, &context, directory]() -> int {
      const CommandText program = describe(app);
      if (directory->empty()) {
        context.output.out << manual_page(program, program);
        return exit_ok;
      }
      const auto written = write_pages(program, program, *directory);
      return written ? exit_ok : context.fail(written.error());
    };
  });
}

}  // namespace callgate::cli
