// All commands with their options as texts: what completions and manual pages are made of, read from the very
// parser that answers --help.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace callgate::cli {

struct OptionText {
  std::vector<std::string> names;    // "-v", "--verbose"; of an argument one: "FILE"
  std::string value;                 // "NAME"; empty for a flag
  std::vector<std::string> choices;  // all that it may be; empty: anything
  std::string description;
  bool required = false;
  bool repeated = false;
  // The value is the name of a file.
  [[nodiscard]] bool is_file() const { return value == "FILE" || value == "PATH" || names.front() == "FILE"; }
};

struct CommandText {
  std::string path;  // "sessions list"; of the program itself empty
  std::string name;  // "list"
  std::string description;
  std::string footer;
  std::vector<OptionText> options;
  std::vector<OptionText> arguments;
  std::vector<CommandText> commands;
};

[[nodiscard]] CommandText describe(const CLI::App& app);

// Scripts that complete command lines of `callgate`, for a shell's start-up.
[[nodiscard]] std::string bash_completion(const CommandText& program);
[[nodiscard]] std::string zsh_completion(const CommandText& program);
[[nodiscard]] std::string fish_completion(const CommandText& program);

// A manual page in man(7) of one command; `program` is the whole.
[[nodiscard]] std::string manual_page(const CommandText& command, const CommandText& program);
// "callgate-sessions-list".
[[nodiscard]] std::string manual_name(const CommandText& command);

}  // namespace callgate::cli
