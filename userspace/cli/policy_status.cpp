// callgate policy status: which policies are in force, and by which each proxy thread decides.
#include <algorithm>
#include <ostream>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/text.hpp"

namespace callgate::cli {
namespace {

boost::json::object to_json_object(const v1::StatusReply& status) {
  const auto& policies = status.policies();
  boost::json::array threads;
  for (const auto& thread : status.threads()) {
    threads.push_back(boost::json::object{
        {"thread", thread.thread()}, {"state", thread.state()}, {"version", thread.policy_version()}});
  }
  return {{"directory", policies.directory()},
          {"version", policies.version()},
          {"digest", policies.digest()},
          {"documents", policies.documents()},
          {"loaded_at", policies.loaded_at()},
          {"last_good", policies.last_good()},
          {"problems", boost::json::array(policies.problems().begin(), policies.problems().end())},
          {"threads", std::move(threads)}};
}

int print(const v1::StatusReply& status, const Output& output) {
  const auto& policies = status.policies();
  const bool behind = std::any_of(status.threads().begin(), status.threads().end(), [&](const auto& thread) {
    return thread.policy_version() != policies.version();
  });
  const bool sound = policies.problems().empty() && !behind;
  if (output.json) {
    output.out << boost::json::serialize(to_json_object(status)) << '\n';
    return sound ? exit_ok : exit_finding;
  }
  output.out << fmt::format("directory  {}\n", safe(policies.directory()))
             << fmt::format("in force   version {}, digest {}, {} polic{}, since {}\n", policies.version(),
                            safe(policies.digest()), policies.documents(),
                            policies.documents() == 1 ? "y" : "ies", show_time(policies.loaded_at()));
  if (policies.last_good()) {
    output.out << output.paint(
        "           these are the last good ones: what the directory holds now cannot be used\n",
        Colour::warning);
  }
  Table table({{"THREAD"}, {"STATE"}, {"VERSION", false, true}});
  for (const auto& thread : status.threads()) {
    const bool current = thread.policy_version() == policies.version();
    table.add({std::to_string(thread.thread()), thread.state(),
               Cell(std::to_string(thread.policy_version()), current ? Colour::good : Colour::warning)});
  }
  table.print(output);
  for (const auto& problem : policies.problems())
    output.out << '\n' << safe_lines(problem);
  return sound ? exit_ok : exit_finding;
}

int show_status(const Context& context) {
  const auto client = context.connect();
  if (!client) return context.fail(client.error());
  const auto status = (*client)->status();
  if (!status) return context.fail(status.error());
  return print(*status, context.output);
}

}  // namespace

void add_policy_status(CLI::App& group, Context& context) {
  auto* const command = group.add_subcommand(
      "status", "Show which policies are in force, and which each proxy thread decides by");
  command->footer(
      "Exit status 1 where a file was rejected, or a thread has not taken the latest version yet.\n"
      "\n"
      "Examples:\n"
      "  callgate policy status");
  command->callback([&context] { context.action = [&context] { return show_status(context); }; });
}

}  // namespace callgate::cli
