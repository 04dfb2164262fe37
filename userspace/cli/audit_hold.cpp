// callgate audit hold: what is kept whatever its age.
#include <memory>
#include <ostream>

#include "base/clock.hpp"
#include "cli/command.hpp"
#include "cli/json.hpp"
#include "cli/session_filter.hpp"
#include "cli/text.hpp"

namespace callgate::cli {
namespace {

struct Options {
  std::string name;
  std::string since;
  std::string until;
  std::string reason;
};

int change(const Context& context, const v1::ChangeHoldRequest& request) {
  auto client = context.connect();
  if (!client) return context.fail(client.error());
  const auto reply = (*client)->change_hold(request);
  return reply ? exit_ok : context.fail(reply.error());
}

int set_hold(const Context& context, const Options& options) {
  v1::ChangeHoldRequest request;
  auto& hold = *request.mutable_hold();
  hold.set_name(options.name);
  hold.set_reason(options.reason);
  const auto since = parse_time(options.since, wall_ns());
  if (!since) return context.fail(since.error());
  hold.set_since(*since);
  if (!options.until.empty()) {
    const auto until = parse_time(options.until, wall_ns());
    if (!until) return context.fail(until.error());
    hold.set_until(*until);
  }
  return change(context, request);
}

int release_hold(const Context& context, const Options& options) {
  v1::ChangeHoldRequest request;
  request.mutable_hold()->set_name(options.name);
  request.set_release(true);
  return change(context, request);
}

int list_holds(const Context& context) {
  auto client = context.connect();
  if (!client) return context.fail(client.error());
  const auto reply = (*client)->list_holds();
  if (!reply) return context.fail(reply.error());
  const auto& output = context.output;
  if (output.json) {
    output.out << to_json(*reply) << '\n';
    return exit_ok;
  }
  Table table({{"HOLD"}, {"SINCE"}, {"UNTIL"}, {"REASON", true}});
  for (const auto& hold : reply->holds()) {
    const bool open = hold.until() == ~std::uint64_t{0};
    table.add({hold.name(), show_time(hold.since()), open ? "-" : show_time(hold.until()), hold.reason()});
  }
  table.print(output);
  return exit_ok;
}

}  // namespace

void add_audit_hold(CLI::App& audit, Context& context) {
  auto* const group = audit.add_subcommand("hold", "Keep what is about a time, whatever its age");
  group->require_subcommand(1);
  auto options = std::make_shared<Options>();  // shared: with the actions, which outlive this function
  auto* const set = group->add_subcommand("set", "Begin to hold");
  set->add_option("NAME", options->name, "What it is called, such as a case")->required();
  set->add_option("--since", options->since,
                  "Calls opened from then on: 7d (before now), 2026-01-31 or 2026-01-31T23:59:59Z")
      ->required()
      ->type_name("TIME");
  set->add_option("--until", options->until, "Calls opened before or at; without it, also those to come")
      ->type_name("TIME");
  set->add_option("--reason", options->reason, "For whoever asks why");
  set->callback(
      [&context, options] { context.action = [&context, options] { return set_hold(context, *options); }; });
  auto* const release = group->add_subcommand("release", "Hold no longer: what is old enough goes");
  release->add_option("NAME", options->name, "As the list shows it")->required();
  release->callback([&context, options] {
    context.action = [&context, options] { return release_hold(context, *options); };
  });
  auto* const list = group->add_subcommand("list", "List what is held");
  list->callback([&context] { context.action = [&context] { return list_holds(context); }; });
  group->footer(
      "What is held is neither removed by age or size nor erased. Files are kept whole, so a hold keeps more "
      "than its "
      "time, never less. Setting and releasing are records in the log.\n"
      "\n"
      "Examples:\n"
      "  callgate audit hold set case-17 --since 2026-11-01 --until 2026-11-30 --reason litigation\n"
      "  callgate audit hold list\n"
      "  callgate audit hold release case-17");
}

}  // namespace callgate::cli
