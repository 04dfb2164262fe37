#include <memory>
#include <ostream>

#include "cli/command.hpp"
#include "cli/json.hpp"
#include "cli/verdicts.hpp"

namespace callgate::cli {
namespace {

struct Options {
  std::string cgroup;
  std::uint32_t pid = 0;
  std::string name;
  std::string identity;
  std::string existing = "keep";
};

int enroll(const Context& context, const Options& options) {
  auto client = context.connect();
  if (!client) return context.fail(client.error());
  v1::EnrollRequest request;
  if (options.cgroup.empty()) {
    request.set_pid(options.pid);
  } else {
    request.set_cgroup(options.cgroup);
  }
  request.set_name(options.name);
  request.set_identity(options.identity);
  request.set_existing(options.existing == "reset" ? v1::EXISTING_CONNECTIONS_RESET
                                                   : v1::EXISTING_CONNECTIONS_KEEP);
  const auto reply = (*client)->enroll(request);
  if (!reply) return context.fail(reply.error());
  if (context.output.json) {
    context.output.out << to_json(*reply) << '\n';
  } else {
    print_enrolled(reply->workload(), reply->verdicts(), context.output.out);
  }
  return exit_ok;
}

}  // namespace

void add_enroll(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();  // shared: with the action, which outlives this function
  auto* const command = app.add_subcommand("enroll", "Take running processes under control, by their cgroup");
  auto* const what = command->add_option_group("what");
  what->add_option("--cgroup", options->cgroup, "Directory of the cgroup")->type_name("PATH");
  what->add_option("--pid", options->pid, "A process: its own cgroup is enrolled")
      ->type_name("PID")
      ->check(CLI::Range(1, 0x7fffffff));
  what->require_option(1);
  command->add_option("--name", options->name, "Name of the workload (default: from the cgroup's path)")
      ->type_name("NAME");
  command->add_option("--identity", options->identity, "SPIFFE ID (default: made from the name)")
      ->type_name("ID");
  command
      ->add_option("--existing", options->existing,
                   "What becomes of its TCP connections: keep, or reset (default: keep)")
      ->type_name("WHAT")
      ->check(CLI::IsMember({"keep", "reset"}));
  command->footer(
      "All processes of the cgroup are enrolled, those that it will have included. Connections that exist "
      "already stay\n"
      "direct and unrecorded until they end; with --existing reset they are reset, those of its clients too, "
      "but for\n"
      "those over loopback. The root cgroup, and cgroups that hold other services too, are refused (exit "
      "status 4).\n"
      "\n"
      "Examples:\n"
      "  callgate enroll --cgroup /sys/fs/cgroup/system.slice/shop.service --name shop\n"
      "  callgate enroll --cgroup /sys/fs/cgroup/system.slice/shop.service --existing reset\n"
      "  callgate enroll --pid \"$(systemctl show -P MainPID shop)\"");
  command->callback(
      [&context, options] { context.action = [&context, options] { return enroll(context, *options); }; });
}

}  // namespace callgate::cli
