// Manual pages in man(7).
#include <algorithm>

#include <fmt/format.h>

#include "cli/command_tree.hpp"

namespace callgate::cli {
namespace {

// Text as roff prints it.
std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if ((c == '.' || c == '\'') && (out.empty() || out.back() == '\n')) {
      out += "\\&";
      out += c;
    } else {
      out += c;
    }
  }
  return out;
}

std::string option_title(const OptionText& option) {
  std::string title;
  for (const std::string& name : option.names)
    title += fmt::format("{}\\fB{}\\fR", title.empty() ? "" : ", ", escaped(name));
  if (!option.value.empty() && option.names.front().starts_with('-'))
    title += fmt::format(" \\fI{}\\fR", escaped(option.value));
  return title;
}

std::string option_text(const OptionText& option) {
  std::string text = option.description;
  if (!option.choices.empty()) text += fmt::format(" ({})", fmt::join(option.choices, ", "));
  return fmt::format(".TP\n{}\n{}\n", option_title(option), escaped(text));
}

// Paragraphs as text; lines that are set in, such as examples, and lists as they are.
std::string body_text(const std::string& text) {
  std::string out;
  std::string_view rest(text);
  bool as_is = false;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string line(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.starts_with("  ")) {
      if (!as_is) out += out.ends_with(".SH EXAMPLES\n") || out.empty() ? ".nf\n" : ".PP\n.nf\n";
      as_is = true;
      out += escaped(line) + "\n";
      continue;
    }
    if (as_is) out += ".fi\n";
    as_is = false;
    if (line == "Examples:") {
      out += ".SH EXAMPLES\n";
    } else if (line.empty()) {
      if (!rest.starts_with("Examples:")) out += ".PP\n";
    } else {
      out += escaped(line) + "\n";
    }
  }
  if (as_is) out += ".fi\n";
  return out;
}

std::string synopsis(const CommandText& command) {
  std::string text = "\\fBcallgate";
  if (!command.path.empty()) text += " " + escaped(command.path);
  text += "\\fR [\\fIOPTION\\fR...]";
  if (!command.commands.empty()) text += " \\fICOMMAND\\fR";
  for (const OptionText& argument : command.arguments) {
    const std::string name =
        fmt::format("\\fI{}\\fR{}", escaped(argument.names.front()), argument.repeated ? "..." : "");
    text += argument.required ? " " + name : " [" + name + "]";
  }
  return text;
}

}  // namespace

std::string manual_name(const CommandText& command) {
  std::string name = command.path.empty() ? "callgate" : "callgate-" + command.path;
  std::replace(name.begin(), name.end(), ' ', '-');
  return name;
}

std::string manual_page(const CommandText& command, const CommandText& program) {
  std::string title = manual_name(command);
  std::transform(title.begin(), title.end(), title.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  const std::string summary = command.path.empty()
                                  ? "control the outbound function calls of programs"
                                  : command.description.substr(0, command.description.find('\n'));
  std::string out = fmt::format(
      ".TH {} 1 \"\" \"callgate {}\" \"callgate\"\n.SH NAME\n{} \\- {}\n.SH SYNOPSIS\n{}\n", escaped(title),
      CALLGATE_VERSION, escaped(manual_name(command)), escaped(summary), synopsis(command));
  out += ".SH DESCRIPTION\n" + body_text(command.description + (command.path.empty() ? "" : "."));
  if (!command.arguments.empty()) {
    out += ".SH ARGUMENTS\n";
    for (const OptionText& argument : command.arguments)
      out += option_text(argument);
  }
  out += ".SH OPTIONS\n";
  for (const OptionText& option : command.options)
    out += option_text(option);
  if (!command.path.empty()) {
    for (const OptionText& option : program.options) {
      if (option.names.back() != "--help" && option.names.back() != "--version") out += option_text(option);
    }
  }
  if (!command.commands.empty()) {
    out += ".SH COMMANDS\n";
    for (const CommandText& below : command.commands) {
      out += fmt::format(".TP\n\\fB{}\\fR(1)\n{}\n", escaped(manual_name(below)),
                         escaped(below.description.substr(0, below.description.find('\n'))));
    }
  }
  if (!command.footer.empty()) {
    if (!command.footer.starts_with("Examples:")) out += ".SH NOTES\n";
    out += body_text(command.footer);
  }
  out += ".SH SEE ALSO\n\\fBcallgate\\fR(1), \\fBcallgated\\fR(8)\n";
  return out;
}

}  // namespace callgate::cli
