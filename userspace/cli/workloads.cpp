#include <ostream>

#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/json.hpp"

namespace callgate::cli {
namespace {

int list_workloads(const Context& context) {
  auto client = context.connect();
  if (!client) return context.fail(client.error());
  const auto reply = (*client)->list_workloads();
  if (!reply) return context.fail(reply.error());
  const auto& output = context.output;
  if (output.json) {
    output.out << to_json(*reply) << '\n';
    return exit_ok;
  }
  if (reply->workloads().empty()) {
    output.out
        << "No workloads. `callgate run -- COMMAND` starts one, `callgate enroll` takes a running one.\n";
    return exit_ok;
  }
  Table table({{"ID", false, true},
               {"NAME"},
               {"MODE"},
               {"IDENTITY", true},
               {"SOURCE"},
               {"UID", false, true},
               {"PROCESSES", false, true},
               {"CGROUP", true},
               {"STATE", true}});
  for (const auto& workload : reply->workloads()) {
    table.add(
        {std::to_string(workload.id()), workload.name(), mode_name(workload.mode()), workload.spiffe_id(),
         workload.source(), std::to_string(workload.owner_uid()), std::to_string(workload.pids_size()),
         workload.cgroup(),
         workload.problem().empty() ? Cell("ok", Colour::good) : Cell(workload.problem(), Colour::bad)});
  }
  table.print(output);
  return exit_ok;
}

}  // namespace

void add_workloads(CLI::App& app, Context& context) {
  auto* const command = app.add_subcommand("workloads", "List what is under control");
  command->footer(
      "Users see their own workloads, administrators all.\n"
      "\n"
      "Examples:\n"
      "  callgate workloads\n"
      "  callgate --json workloads | jq -r '.workloads[].spiffe_id'");
  command->callback([&context] {
    context.paged = true;
    context.action = [&context] { return list_workloads(context); };
  });
}

}  // namespace callgate::cli
