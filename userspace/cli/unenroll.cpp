#include <memory>
#include <ostream>

#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/json.hpp"
#include "cli/text.hpp"
#include "cli/unit.hpp"

namespace callgate::cli {
namespace {

struct Options {
  std::string what;
  std::string unit;
  bool persist = false;
};

int unenroll(const Context& context, const std::string& what);

// Of a unit that does not run there is only the drop-in to remove.
int unenroll_unit(const Context& context, const Options& options) {
  const auto unit = find_unit(options.unit);
  if (!unit) return context.fail(unit.error());
  if (options.persist) {
    const auto removed = remove_drop_in(unit->name);
    if (!removed) return context.fail(removed.error());
    if (!context.output.json)
      context.output.out << safe(fmt::format(
                                "{}: {}", unit->name,
                                *removed ? "starts without callgate again" : "was not persistent"))
                         << '\n';
    if (unit->cgroup.empty()) return exit_ok;
  }
  if (unit->cgroup.empty())
    return context.fail(make_error("not_found", fmt::format("{} does not run", unit->name)));
  return unenroll(context, unit->cgroup);
}

int unenroll(const Context& context, const std::string& what) {
  auto client = context.connect();
  if (!client) return context.fail(client.error());
  v1::UnenrollRequest request;
  if (what[0] == '/') {
    request.set_cgroup(what);
  } else {
    request.set_name(what);
  }
  const auto reply = (*client)->unenroll(request);
  if (!reply) return context.fail(reply.error());
  if (context.output.json) {
    context.output.out << to_json(*reply) << '\n';
    return exit_ok;
  }
  for (const auto& workload : reply->workloads()) {
    context.output.out << safe(fmt::format("{}: workload {} connects directly again", workload.name(),
                                           workload.id()))
                       << '\n';
  }
  return exit_ok;
}

}  // namespace

void add_unenroll(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();  // shared: with the action, which outlives this function
  auto* const command = app.add_subcommand("unenroll", "Let a workload connect directly again");
  auto* const which = command->add_option_group("which");
  which->add_option("--unit", options->unit, "A unit of systemd")->type_name("UNIT");
  which->add_option("WORKLOAD", options->what, "Its name, or the path of its cgroup")
      ->check(CLI::Validator([](std::string& text) { return text.empty() ? "must not be empty" : ""; }, ""));
  which->require_option(1);
  command->add_flag("--persist", options->persist, "With --unit: also have it start without callgate again");
  command->footer(
      "Connections that exist stay as they are: those that go through callgate keep going through it.\n"
      "\n"
      "Examples:\n"
      "  callgate unenroll shop\n"
      "  callgate unenroll /sys/fs/cgroup/system.slice/shop.service\n"
      "  callgate unenroll --unit shop --persist");
  command->callback([&context, options] {
    if (options->persist && options->unit.empty())
      throw CLI::ValidationError("--persist", "belongs to --unit");
    context.action = [&context, options] {
      return options->unit.empty() ? unenroll(context, options->what) : unenroll_unit(context, *options);
    };
  });
}

}  // namespace callgate::cli
