// One table of words for each command, and for each shell a function that walks it.
#include <functional>

#include <fmt/format.h>

#include "cli/command_tree.hpp"

namespace callgate::cli {
namespace {

void each_command(const CommandText& command, const std::function<void(const CommandText&)>& use) {
  use(command);
  for (const CommandText& below : command.commands)
    each_command(below, use);
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

// In single quotes.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text)
    out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// Of a command and of what it belongs to: global options may stand anywhere.
std::string words_of(const CommandText& command, const CommandText& program) {
  std::string words;
  const auto add = [&words](const std::string& word) { words += (words.empty() ? "" : " ") + word; };
  for (const CommandText& below : command.commands)
    add(below.name);
  const auto add_options = [&](const CommandText& of) {
    for (const OptionText& option : of.options) {
      for (const std::string& name : option.names) {
        if ((" " + words + " ").find(" " + name + " ") == std::string::npos) add(name);
      }
    }
  };
  add_options(command);
  if (!command.path.empty()) add_options(program);
  for (const OptionText& argument : command.arguments) {
    for (const std::string& choice : argument.choices)
      add(choice);
  }
  return words;
}

// The cases of a shell's `case` over "COMMAND PATH|--option" that tell what follows an option.
std::string value_cases(const CommandText& program, std::string_view files, std::string_view nothing) {
  std::string cases;
  each_command(program, [&](const CommandText& command) {
    for (const OptionText& option : command.options) {
      if (option.value.empty()) continue;
      for (const std::string& name : option.names) {
        const std::string pattern =
            command.path.empty() ? "*\"|" + name + "\"" : "\"" + command.path + "|" + name + "\"";
        std::string choices;
        for (const std::string& choice : option.choices)
          choices += (choices.empty() ? "" : " ") + choice;
        cases += fmt::format("    {}) {} ;;\n", pattern,
                             !choices.empty()   ? fmt::format("words={}", quoted(choices))
                             : option.is_file() ? std::string(files)
                                                : std::string(nothing));
      }
    }
  });
  return cases;
}

std::string word_cases(const CommandText& program) {
  std::string cases;
  each_command(program, [&](const CommandText& command) {
    cases += fmt::format("    {}) words={} ;;\n", quoted(command.path), quoted(words_of(command, program)));
  });
  return cases;
}

std::string below_cases(const CommandText& program) {
  std::string cases;
  each_command(program, [&](const CommandText& command) {
    for (const CommandText& below : command.commands)
      cases +=
          fmt::format("      {}) chain={} ;;\n", quoted(command.path + "|" + below.name), quoted(below.path));
  });
  return cases;
}

std::string file_cases(const CommandText& program) {
  std::string paths;
  each_command(program, [&](const CommandText& command) {
    for (const OptionText& argument : command.arguments) {
      if (argument.is_file()) paths += (paths.empty() ? "" : "|") + quoted(command.path);
    }
  });
  return paths;
}

}  // namespace

std::string bash_completion(const CommandText& program) {
  return fmt::format(
      R"(# bash completion of callgate. For this shell: source <(callgate completion bash)
_callgate() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}} chain='' words='' files=no index
  for ((index = 1; index < COMP_CWORD; index++)); do
    if [[ ${{COMP_WORDS[index]}} == -- ]]; then
      # The command line of another program.
      COMPREPLY=($(compgen -f -c -- "$current"))
      return
    fi
    case "$chain|${{COMP_WORDS[index]}}" in
{0}    esac
  done
  case "$chain" in
{1}  esac
  case "$chain|$previous" in
{2}  esac
  case "$chain" in
    {3}) files=yes ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  if [[ $files == yes ]]; then COMPREPLY+=($(compgen -f -- "$current")); fi
}}
complete -F _callgate callgate
)",
      below_cases(program), word_cases(program),
      value_cases(program, "COMPREPLY=($(compgen -f -- \"$current\")); return", "COMPREPLY=(); return"),
      file_cases(program));
}

std::string zsh_completion(const CommandText& program) {
  return fmt::format(
      R"(#compdef callgate
# zsh completion of callgate. As a file _callgate in a directory of $fpath, or: source <(callgate completion zsh)
_callgate() {{
  local chain='' words_of='' files=no index previous=${{words[CURRENT-1]}}
  for ((index = 2; index < CURRENT; index++)); do
    if [[ ${{words[index]}} == -- ]]; then
      shift $index words
      (( CURRENT -= index ))
      _normal
      return
    fi
    case "$chain|${{words[index]}}" in
{0}    esac
  done
  case "$chain" in
{1}  esac
  case "$chain|$previous" in
{2}  esac
  case "$chain" in
    {3}) files=yes ;;
  esac
  compadd -- ${{=words_of}}
  if [[ $files == yes ]]; then _files; fi
}}
if [[ $funcstack[1] == _callgate ]]; then _callgate "$@"; else compdef _callgate callgate; fi
)",
      below_cases(program),
      [&] {
        std::string cases = word_cases(program);
        for (std::size_t at = 0; (at = cases.find(" words=", at)) != std::string::npos; at += 10)
          cases.replace(at, 7, " words_of=");
        return cases;
      }(),
      [&] {
        std::string cases = value_cases(program, "_files; return", "return");
        for (std::size_t at = 0; (at = cases.find(" words=", at)) != std::string::npos; at += 10)
          cases.replace(at, 7, " words_of=");
        return cases;
      }(),
      file_cases(program));
}

std::string fish_completion(const CommandText& program) {
  std::string out =
      R"(# fish completion of callgate. As ~/.config/fish/completions/callgate.fish, or: callgate completion fish | source
function __callgate_at
  set -l chain
  for word in (commandline -opc)[2..-1]
    if test "$word" = --
      return 1
    end
    if contains -- "$chain $word" $__callgate_commands
      set -a chain $word
    end
  end
  test "$chain" = "$argv"
end
complete -c callgate -f
)";
  out += "set -g __callgate_commands";
  each_command(program, [&](const CommandText& command) {
    for (const CommandText& below : command.commands)
      out += " " + quoted(command.path + " " + below.name);
  });
  out += "\n";
  each_command(program, [&](const CommandText& command) {
    const std::string at = quoted("__callgate_at " + command.path);
    for (const CommandText& below : command.commands) {
      out += fmt::format("complete -c callgate -n {} -a {} -d {}\n", at, below.name,
                         quoted(first_line(below.description)));
    }
    for (const OptionText& option : command.options) {
      out += "complete -c callgate";
      if (!command.path.empty()) out += " -n " + at;
      for (const std::string& name : option.names)
        out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      if (!option.value.empty()) out += option.is_file() ? " -r -F" : " -x";
      std::string choices;
      for (const std::string& choice : option.choices)
        choices += (choices.empty() ? "" : " ") + choice;
      if (!choices.empty()) out += " -a " + quoted(choices);
      out += " -d " + quoted(first_line(option.description)) + "\n";
    }
    for (const OptionText& argument : command.arguments) {
      std::string choices;
      for (const std::string& choice : argument.choices)
        choices += (choices.empty() ? "" : " ") + choice;
      if (!choices.empty()) out += fmt::format("complete -c callgate -n {} -a {}\n", at, quoted(choices));
      if (argument.is_file()) out += fmt::format("complete -c callgate -n {} -F\n", at);
    }
  });
  return out;
}

}  // namespace callgate::cli
