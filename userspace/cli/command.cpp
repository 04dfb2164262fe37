#include "cli/command.hpp"

#include <algorithm>
#include <iostream>
#include <optional>
#include <ostream>

#include <unistd.h>

#include "cli/pager.hpp"
#include "cli/text.hpp"
#include "config/config.hpp"

namespace callgate::cli {
namespace {

constexpr const char* description =
    "callgate puts the outbound function calls of programs under control: only over verified TLS, under a "
    "known\n"
    "identity, as far as policies allow, and on record. This command talks to callgated, the agent of this "
    "host.";

constexpr const char* footer =
    "Examples:\n"
    "  callgate doctor                                        what this host lacks, with the cure\n"
    "  callgate run --name shop -- curl http://pay.internal/  run a program under control\n"
    "  callgate sessions list                                 what was called, and what came of it\n"
    "  callgate policy check /etc/callgate/policies/*.yaml    find mistakes before the agent does\n"
    "\n"
    "Exit status: 0 all right; 1 a check found something, or the request failed; 2 the command line makes no "
    "sense;\n"
    "3 no agent answers; 4 not permitted or refused; 5 not found. `callgate run` ends as its command does; "
    "125 if\n"
    "callgate itself failed, 126 if the command cannot be executed, 127 if it was not found.";

// The name of the command in a command line, and where it stands; options of callgate itself may stand before
// it.
std::size_t command_place(const std::vector<std::string>& arguments) {
  std::size_t place = 0;
  while (place < arguments.size() && !arguments[place].empty() && arguments[place][0] == '-') {
    const bool takes_value = arguments[place] == "--socket" || arguments[place] == "--config";
    place += takes_value ? 2U : 1U;
  }
  return place;
}

// Takes what stands behind the first "--" of a `run` away from the parser: it belongs to another program.
std::vector<std::string> split_dashes(std::vector<std::string> arguments, Context& context) {
  const auto place = command_place(arguments);
  if (place >= arguments.size() || arguments[place] != "run") return arguments;
  const auto dashes = std::find(arguments.begin(), arguments.end(), "--");
  if (dashes == arguments.end()) return arguments;
  context.after_dashes.assign(dashes + 1, arguments.end());
  arguments.erase(dashes, arguments.end());
  return arguments;
}

void add_global_options(CLI::App& app, Context& context) {
  app.add_option("--socket", context.socket,
                 "Control socket of the agent (default: as its configuration says)")
      ->type_name("PATH");
  app.add_option("--config", context.config, "Configuration of the agent, to find its socket")
      ->type_name("FILE");
  app.add_flag("--json", context.output.json, "Answer in JSON, for programs");
  app.add_flag("--no-color", context.no_color, "No colours, also on a terminal (as with NO_COLOR)");
  app.add_flag("--no-pager", context.no_pager,
               "Long output goes to the terminal, and not through CALLGATE_PAGER, PAGER or less");
  app.set_version_flag("--version", std::string("callgate ") + CALLGATE_VERSION);
}

}  // namespace

Result<std::string> Context::socket_path() const {
  if (!socket.empty()) return socket;
  const auto path = config.empty() ? std::string(config::default_path) : config;
  // A user who may not read the agent's configuration can still talk to an agent in its usual place.
  if (config.empty() && ::access(path.c_str(), R_OK) != 0) return config::Config{}.control.socket;
  const auto loaded = config::load_config(path);
  if (loaded.findings.empty()) return loaded.config.control.socket;
  return make_error("bad_config",
                    config::format_finding(loaded.findings.front()) +
                        "\n  (`callgate config check` shows everything; --socket does without the file)");
}

Result<std::unique_ptr<control::Client>> Context::connect() const {
  const auto path = socket_path();
  if (!path) return path.error();
  return control::Client::connect(*path);
}

int Context::fail(const Error& error) const {
  output.err << "callgate: " << safe_lines(error.message) << '\n';
  return exit_code_for(error);
}

int run_command_line(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
  Context context(Output{out, err});
  CLI::App app(description, "callgate");
  app.footer(footer);
  app.require_subcommand(1);
  app.fallthrough();
  add_global_options(app, context);
  for (const auto add : {add_run, add_enroll, add_unenroll, add_workloads, add_status, add_doctor, add_top,
                         add_trace, add_upgrade, add_uninstall, add_sessions, add_audit, add_policy,
                         add_config, add_identity, add_metrics, add_completion, add_man}) {
    add(app, context);
  }
  auto left = split_dashes(arguments, context);
  // The parser takes arguments from the end.
  std::reverse(left.begin(), left.end());
  try {
    app.parse(left);
  } catch (const CLI::ParseError& error) {
    return app.exit(error, out, err) == 0 ? exit_ok : exit_usage;
  }
  adapt_to_terminal(context.output, context.no_color);
  std::optional<Pager> pager;
  if (context.paged && !context.no_pager && !context.output.json && &out == &std::cout &&
      ::isatty(STDOUT_FILENO) != 0)
    pager.emplace();
  return context.action();
}

}  // namespace callgate::cli
