#include <memory>
#include <ostream>

#include <boost/json/serialize.hpp>

#include "cli/command.hpp"
#include "cli/json.hpp"
#include "cli/record_text.hpp"
#include "cli/session_filter.hpp"

namespace callgate::cli {
namespace {

int tail_sessions(const Context& context, const FilterOptions& options) {
  auto client = context.connect();
  if (!client) return context.fail(client.error());
  const auto filter = options.value();
  if (!filter) return context.fail(filter.error());
  v1::TailSessionsRequest request;
  *request.mutable_filter() = *filter;
  const auto& output = context.output;
  const auto ended = (*client)->tail_sessions(request, [&output](const v1::Record& record) {
    output.out << (output.json ? boost::json::serialize(record_to_json(record)) : record_line(record, output))
               << std::endl;
    return output.out.good();
  });
  if (!ended) return context.fail(ended.error());
  // The reader of our output went away, or the agent stops.
  return output.out.good() ? context.fail({"agent_unreachable", "callgated stops: the list ends here"})
                           : exit_finding;
}

}  // namespace

void add_sessions_tail(CLI::App& sessions, Context& context) {
  auto options = std::make_shared<FilterOptions>();  // shared: with the action, which outlives this function
  auto* const command = sessions.add_subcommand("tail", "Follow calls as they end, until Ctrl-C");
  add_filter_options(*command, *options, false);
  command->footer(
      "Examples:\n"
      "  callgate sessions tail\n"
      "  callgate sessions tail --decision deny\n"
      "  callgate --json sessions tail | jq -c '[.function, .outcome]'");
  command->callback([&context, options] {
    context.action = [&context, options] { return tail_sessions(context, *options); };
  });
}

}  // namespace callgate::cli
