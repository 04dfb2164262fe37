#include <ostream>

#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/json.hpp"
#include "cli/text.hpp"

namespace callgate::cli {
namespace {

void print_threads(const v1::StatusReply& status, const Output& output) {
  Table table({{"THREAD", false, true},
               {"STATE"},
               {"OPEN", false, true},
               {"FLOWS", false, true},
               {"ALLOWED", false, true},
               {"DENIED", false, true},
               {"REFUSED", false, true},
               {"FAILED", false, true},
               {"RING", false, true}});
  for (const auto& thread : status.threads()) {
    const auto used = thread.ring_size() == 0 ? 0 : thread.ring_used() * 100 / thread.ring_size();
    table.add({std::to_string(thread.thread()),
               {thread.state(), thread.state() == "serving" ? Colour::good : Colour::warning},
               show_number(thread.open_connections()),
               show_number(thread.flows()),
               show_number(thread.calls_allowed()),
               show_number(thread.calls_denied()),
               show_number(thread.calls_refused()),
               show_number(thread.calls_failed()),
               fmt::format("{}%", used)});
  }
  table.print(output);
}

std::pair<std::string, Colour> describe_upgrade(const v1::Upgrade& upgrade) {
  const std::string what =
      fmt::format("{} of {}", upgrade.dry_run() ? "dry run" : "attempt", show_time(upgrade.started_at()));
  switch (upgrade.state()) {
    case v1::UPGRADE_STATE_POSSIBLE:
      return {fmt::format("{}: {} could take over", what, upgrade.version()), Colour::good};
    case v1::UPGRADE_STATE_FAILED:
      return {fmt::format("{} failed, this callgated went on: {}", what, upgrade.problem()), Colour::bad};
    default:
      return {fmt::format("{} goes on in pid {}", what, upgrade.pid()), Colour::warning};
  }
}

void print_status(const v1::StatusReply& status, const Output& output) {
  const auto line = [&](std::string_view name, const std::string& text, Colour colour = Colour::none) {
    output.out << fmt::format("{:<12} ", name) << output.paint(safe(text), colour) << '\n';
  };
  line("agent", fmt::format("callgated {}, pid {}, generation {}, since {}", status.version(), status.pid(),
                            status.generation(), show_time(status.started_at())));
  if (status.has_upgrade()) {
    const auto [text, colour] = describe_upgrade(status.upgrade());
    line("upgrade", text, colour);
  }
  line("proxy", fmt::format("pid {}, replaced {} times", status.proxy_pid(), status.proxy_restarts()));
  line("workloads",
       fmt::format("{}, those without a policy: {}", status.workloads(), mode_name(status.default_mode())));
  line("identity", "trust domain " + status.trust_domain());
  line("policies", fmt::format("{} in force (version {}, since {}), from {}", status.policies().documents(),
                               status.policies().version(), show_time(status.policies().loaded_at()),
                               status.policies().directory()));
  if (status.policies().problems_size() > 0) {
    line("", "files were rejected, so the last good policies stay in force:", Colour::bad);
    for (const auto& problem : status.policies().problems())
      output.out << safe_lines(problem) << '\n';
  }
  line("store", fmt::format("{} records, journal {}, synced {}, in {}", show_number(status.store().records()),
                            show_size(status.store().journal_bytes()), show_time(status.store().synced_at()),
                            status.store().directory()));
  if (!status.store().problem().empty())
    line("", "nothing can be recorded: " + status.store().problem(), Colour::bad);
  output.out << '\n';
  print_threads(status, output);
  bool first = true;
  for (const auto& counter : status.kernel_counters()) {
    if (counter.value() == 0) continue;
    if (first) output.out << '\n';
    first = false;
    output.out << fmt::format("kernel  {:<40} {:>12}", safe(counter.name()), show_number(counter.value()))
               << '\n';
  }
}

int status(const Context& context) {
  auto client = context.connect();
  if (!client) return context.fail(client.error());
  const auto reply = (*client)->status();
  if (!reply) return context.fail(reply.error());
  if (context.output.json) {
    context.output.out << to_json(*reply) << '\n';
  } else {
    print_status(*reply, context.output);
  }
  return exit_ok;
}

}  // namespace

void add_status(CLI::App& app, Context& context) {
  auto* const command = app.add_subcommand("status", "Show what the agent does now");
  command->footer(
      "Whether it works as it should is what `callgate doctor` tells.\n"
      "\n"
      "Examples:\n"
      "  callgate status\n"
      "  callgate --json status | jq '.policies.problems'");
  command->callback([&context] {
    context.paged = true;
    context.action = [&context] { return status(context); };
  });
}

}  // namespace callgate::cli
