#include <filesystem>
#include <memory>
#include <ostream>

#include <fmt/format.h>
#include <unistd.h>

#include "cli/command.hpp"
#include "cli/json.hpp"
#include "cli/text.hpp"
#include "cli/unit.hpp"
#include "cli/verdicts.hpp"
#include "kernel/cgroup.hpp"

namespace callgate::cli {
namespace {

struct Options {
  std::string cgroup;
  std::uint32_t pid = 0;
  std::string name;
  std::string identity;
  std::string unit;
  bool persist = false;
  bool from_inside = false;
  std::string existing = "keep";
};

int enroll(const Context& context, const Options& options);

// The program that runs now, for the unit's start.
Result<std::string> own_path() {
  std::error_code error;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return system_error("find the path of callgate", error.value());
  return path.string();
}

Result<void> persist(const Context& context, const Options& options, const Unit& unit) {
  const auto program = own_path();
  if (!program) return program.error();
  return write_drop_in(
      {unit.name, *program, context.socket, options.name, options.identity, unit.own_network});
}

// What the unit's start asks for may be so already: its cgroup can outlive a restart of it. The answer is
// that of then, as far as it is known.
Result<v1::EnrollReply> find_enrolled(control::Client& client, const v1::EnrollRequest& request) {
  const auto workloads = client.list_workloads();
  if (!workloads) return workloads.error();
  for (const auto& workload : workloads->workloads()) {
    if (workload.cgroup() != request.cgroup()) continue;
    if ((request.name().empty() || request.name() == workload.name()) &&
        (request.identity().empty() || request.identity() == workload.spiffe_id())) {
      v1::EnrollReply reply;
      *reply.mutable_workload() = workload;
      return reply;
    }
    return make_error(
        "exists",
        fmt::format(
            "{} is enrolled already, as workload {} with the identity {}: `callgate unenroll {}` first",
            request.cgroup(), workload.name(), workload.spiffe_id(), workload.name()));
  }
  return make_error("not_found", "the workload ended meanwhile: ask again");
}

// As a unit's ExecStartPre does.
bool runs_in(const std::string& cgroup) {
  const auto mount = kernel::find_cgroup2_mount();
  const auto own =
      mount ? kernel::cgroup_path_of_process(*mount, ::getpid()) : Result<std::string>(mount.error());
  return own && (*own == cgroup || own->compare(0, cgroup.size() + 1, cgroup + "/") == 0);
}

int enroll_unit(const Context& context, const Options& options) {
  const auto unit = find_unit(options.unit);
  if (!unit) return context.fail(unit.error());
  if (options.persist) {
    const auto kept = persist(context, options, *unit);
    if (!kept) return context.fail(kept.error());
    if (!context.output.json)
      context.output.out << safe(fmt::format("{} starts only under callgate from now on ({})", unit->name,
                                             drop_in_path(unit->name)))
                         << '\n';
    if (unit->cgroup.empty()) return exit_ok;  // its start enrols it
  }
  if (unit->cgroup.empty())
    return context.fail(
        make_error("not_found",
                   fmt::format("{} does not run: start it, or have it enrolled at each start with --persist",
                               unit->name)));
  Options now = options;
  now.cgroup = unit->cgroup;
  now.from_inside = runs_in(unit->cgroup);
  return enroll(context, now);
}

int enroll(const Context& context, const Options& options) {
  auto client = context.connect();
  if (!client) return context.fail(client.error());
  v1::EnrollRequest request;
  if (options.cgroup.empty()) {
    request.set_pid(options.pid);
  } else {
    request.set_cgroup(options.cgroup);
  }
  request.set_from_inside(options.from_inside);
  request.set_name(options.name);
  request.set_identity(options.identity);
  request.set_existing(options.existing == "reset" ? v1::EXISTING_CONNECTIONS_RESET
                                                   : v1::EXISTING_CONNECTIONS_KEEP);
  auto reply = (*client)->enroll(request);
  const bool already = !reply && reply.error().code == "exists" && !options.unit.empty();
  if (already) reply = find_enrolled(**client, request);
  if (!reply) return context.fail(reply.error());
  if (context.output.json) {
    context.output.out << to_json(*reply) << '\n';
  } else if (already) {
    context.output.out << safe(fmt::format("{}: enrolled already, as workload {}", reply->workload().name(),
                                           reply->workload().id()))
                       << '\n';
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
  what->add_option("--unit", options->unit, "A unit of systemd: the cgroup of its processes")
      ->type_name("UNIT");
  what->add_option("--pid", options->pid, "A process: its own cgroup is enrolled")
      ->type_name("PID")
      ->check(CLI::Range(1, 0x7fffffff));
  what->require_option(1);
  command->add_flag("--persist", options->persist,
                    "With --unit: have it start only under callgate, also after a reboot");
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
      "With --persist a drop-in has the unit enrolled before its first process runs, at every start; where "
      "that fails, it\n"
      "does not start. It is written also for a unit that does not run.\n"
      "\n"
      "Examples:\n"
      "  callgate enroll --cgroup /sys/fs/cgroup/system.slice/shop.service --name shop\n"
      "  callgate enroll --cgroup /sys/fs/cgroup/system.slice/shop.service --existing reset\n"
      "  callgate enroll --pid 4711\n"
      "  callgate enroll --unit shop --persist");
  command->callback([&context, options] {
    if (options->persist && options->unit.empty())
      throw CLI::ValidationError("--persist", "belongs to --unit");
    context.action = [&context, options] {
      return options->unit.empty() ? enroll(context, *options) : enroll_unit(context, *options);
    };
  });
}

}  // namespace callgate::cli
