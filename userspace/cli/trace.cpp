// callgate trace: the decisions of one workload, as they fall.
#include <algorithm>
#include <csignal>
#include <memory>
#include <ostream>

#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "cli/command.hpp"
#include "cli/follow.hpp"
#include "cli/json.hpp"
#include "cli/record_text.hpp"
#include "cli/text.hpp"

namespace callgate::cli {
namespace {

struct Options {
  std::string workload;
  bool denied = false;
};

Result<void> check_workload(const Context& context, const std::string& name) {
  auto client = context.connect();
  if (!client) return client.error();
  const auto workloads = (*client)->list_workloads();
  if (!workloads) return workloads.error();
  std::string known;
  for (const auto& workload : workloads->workloads()) {
    if (workload.name() == name) return {};
    if (known.size() < 200) known += (known.empty() ? "" : ", ") + workload.name();
  }
  return make_error("not_found", known.empty()
                                     ? fmt::format("no workload {} is enrolled, and no other one", name)
                                     : fmt::format("no workload {} is enrolled; there are: {}", name, known));
}

std::string line_of(const v1::Record& record, const Output& output) {
  const auto& decision = record.decision();
  const bool decided = decision.verdict() != v1::VERDICT_UNSPECIFIED;
  const bool allowed = decision.verdict() == v1::VERDICT_ALLOW;
  std::string verdict = !decided ? "NONE" : allowed ? "ALLOW" : decision.enforced() ? "DENY" : "WOULD DENY";
  const Colour colour = !decided ? Colour::warning : allowed ? Colour::good : Colour::bad;
  verdict.resize(10, ' ');
  std::string why = decision.rule().empty() ? "no rule" : fmt::format("rule {}", decision.rule());
  if (!decision.policy().empty()) why = fmt::format("policy {}, {}", decision.policy(), why);
  if (!decision.reason().empty()) why += ": " + decision.reason();
  const std::string function =
      record.function().empty() ? "connection to " + show_endpoint(record.destination()) : record.function();
  std::string end = outcome_name(record.outcome());
  if (record.status() != 0) end += fmt::format(" {}", record.status());
  if (!record.error_code().empty()) end += " " + record.error_code();
  return fmt::format("{}  {}  {}  {}, {}  ({})", show_time(record.opened_ns()), output.paint(verdict, colour),
                     safe(function), safe(end), show_microseconds(record.timings().total_us()), safe(why));
}

int trace(const Context& context, const Options& options) {
  const auto known = check_workload(context, options.workload);
  if (!known) return context.fail(known.error());
  v1::TailSessionsRequest request;
  request.set_follow(true);
  request.mutable_filter()->set_workload(options.workload);
  if (options.denied) request.mutable_filter()->set_decision("deny");
  const auto& output = context.output;
  if (!output.json)
    output.err << safe(fmt::format("calls of {}, as they end; Ctrl-C ends this", options.workload))
               << std::endl;
  // Ctrl-C is how it is meant to end.
  std::signal(SIGINT, [](int) { ::_exit(exit_ok); });
  const auto ended = Follower(context).run(
      request,
      [&](const v1::TailItem& item) {
        if (!item.has_record()) return true;
        const auto& record = item.record();
        output.out << (output.json ? boost::json::serialize(record_to_json(record)) : line_of(record, output))
                   << std::endl;
        return output.out.good();
      },
      [&] {
        output.err << "callgate: callgated went away; this goes on, where it was, when it is back"
                   << std::endl;
      });
  return ended ? exit_ok : context.fail(ended.error());
}

}  // namespace

void add_trace(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();  // shared: with the action, which outlives this function
  auto* const command = app.add_subcommand("trace", "Follow the decisions about one workload, until Ctrl-C");
  command->add_option("WORKLOAD", options->workload, "Its name, as `callgate workloads` shows it")
      ->required();
  command->add_flag("--denied", options->denied, "Only what is denied, or would be if the policy enforced");
  command->footer(
      "One line for each call when it ends: time, decision, function, what came of it, how long it took, and "
      "the rule that\n"
      "decided. WOULD DENY is what a policy in observe mode let pass.\n"
      "\n"
      "Examples:\n"
      "  callgate trace shop\n"
      "  callgate trace shop --denied\n"
      "  callgate --json trace shop | jq -c '[.function, .decision.rule]'");
  command->callback(
      [&context, options] { context.action = [&context, options] { return trace(context, *options); }; });
}

}  // namespace callgate::cli
