#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <ostream>

#include <fmt/format.h>
#include <unistd.h>

#include "cli/command.hpp"
#include "cli/json.hpp"
#include "cli/launch.hpp"
#include "cli/text.hpp"
#include "cli/verdicts.hpp"

namespace callgate::cli {
namespace {

struct Options {
  std::string name;
  std::string identity;
  std::string user;
  bool verbose = false;
  std::vector<std::string> command;
};

int fail(const Context& context, const Error& error) {
  (void)context.fail(error);
  return exit_run_failed;
}

// Asks the agent to enrol this process. The connection is closed when it returns.
Result<void> enrol_this_process(const Context& context, const Options& options) {
  auto client = context.connect();
  if (!client) return client.error();
  v1::StartRunRequest request;
  request.set_name(options.name.empty() ? name_from_program(options.command[0]) : options.name);
  request.set_identity(options.identity);
  const auto reply = (*client)->start_run(request);
  if (!reply) return reply.error();
  if (options.verbose && context.output.json) context.output.err << to_json(*reply) << '\n';
  if (options.verbose && !context.output.json)
    print_enrolled(reply->workload(), reply->verdicts(), context.output.err);
  return {};
}

Result<void> give_up_privileges(const std::optional<User>& user) {
  CALLGATE_TRY(drop_bounding_set());
  if (user) CALLGATE_TRY(become(*user));
  return drop_capabilities();
}

int run(const Context& context, const Options& options) {
  const Inheritance inheritance;
  std::optional<User> user;
  if (!options.user.empty()) {
    if (::geteuid() != 0)
      return fail(context, {"denied", "--user is for root: other users run commands as themselves"});
    auto found = find_user(options.user);
    if (!found) return fail(context, found.error());
    user = std::move(*found);
  }
  if (const auto enrolled = enrol_this_process(context, options); !enrolled)
    return fail(context, enrolled.error());
  if (const auto dropped = give_up_privileges(user); !dropped) return fail(context, dropped.error());
  if (::geteuid() == 0) {
    context.output.err << "callgate: warning: the command runs as root, without capabilities, but root can "
                          "move itself out of "
                          "its cgroup and so escape control; name another user with --user\n";
  }
  context.output.err.flush();
  inheritance.restore();
  const int reason = execute(options.command);
  context.output.err << "callgate: " << safe(options.command[0]) << ": " << std::strerror(reason) << '\n';
  return reason == ENOENT ? exit_no_command : exit_not_executable;
}

}  // namespace

void add_run(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();  // shared: with the action, which outlives this function
  auto* const command = app.add_subcommand(
      "run", "Run a program under control: callgate run [OPTIONS] -- COMMAND [ARGUMENT...]");
  command
      ->add_option("--name", options->name,
                   "Name of the workload: a DNS label (default: the name of the program)")
      ->type_name("NAME");
  command
      ->add_option("--identity", options->identity,
                   "SPIFFE ID to present, as granted under `identities` in the configuration")
      ->type_name("ID");
  command->add_option("--user", options->user, "For root: run the command as this user")->type_name("NAME");
  command->add_flag("-v,--verbose", options->verbose,
                    "Say on standard error what happens to the command's traffic");
  // What is not an option of `run` begins the command.
  command->prefix_command();
  command->fallthrough(false);
  command->footer(
      "The command runs in a cgroup of its own, as you, without capabilities and without a way to get any. "
      "It keeps your\n"
      "environment, directory, terminal and open files; its exit status and signals are those of `callgate "
      "run`.\n"
      "Exit status 125 if callgate failed, 126 if the command cannot be executed, 127 if it was not found.\n"
      "\n"
      "Examples:\n"
      "  callgate run -- curl http://payments.internal:8080/v1/customers/7\n"
      "  callgate run --name checkout --identity spiffe://callgate.local/checkout -- python3 shop.py\n"
      "  sudo callgate run --user www-data -- /usr/bin/php worker.php");
  command->callback([&context, options, command] {
    options->command = command->remaining();
    if (!options->command.empty() && !context.after_dashes.empty()) options->command.emplace_back("--");
    options->command.insert(options->command.end(), context.after_dashes.begin(), context.after_dashes.end());
    if (options->command.empty()) throw CLI::RequiredError("COMMAND");
    if (options->command[0].empty()) throw CLI::ValidationError("COMMAND", "must not be empty");
    context.action = [&context, options] { return run(context, *options); };
  });
}

}  // namespace callgate::cli
