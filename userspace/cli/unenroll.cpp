#include <memory>
#include <ostream>

#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/json.hpp"
#include "cli/text.hpp"

namespace callgate::cli {
namespace {

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
  auto what = std::make_shared<std::string>();  // shared: with the action, which outlives this function
  auto* const command = app.add_subcommand("unenroll", "Let a workload connect directly again");
  command->add_option("WORKLOAD", *what, "Its name, or the path of its cgroup")
      ->required()
      ->check(CLI::Validator([](std::string& text) { return text.empty() ? "must not be empty" : ""; }, ""));
  command->footer(
      "Connections that exist stay as they are: those that go through callgate keep going through it.\n"
      "\n"
      "Examples:\n"
      "  callgate unenroll shop\n"
      "  callgate unenroll /sys/fs/cgroup/system.slice/shop.service");
  command->callback(
      [&context, what] { context.action = [&context, what] { return unenroll(context, *what); }; });
}

}  // namespace callgate::cli
