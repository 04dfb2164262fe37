#include <map>
#include <memory>
#include <ostream>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value_from.hpp>

#include "base/bytes.hpp"
#include "cli/command.hpp"
#include "cli/json.hpp"
#include "cli/record_text.hpp"
#include "cli/session_filter.hpp"
#include "cli/sessions_json.hpp"
#include "cli/text.hpp"

namespace callgate::cli {
namespace {

struct Options {
  FilterOptions filter;
  std::uint32_t limit = 50;
  std::string cursor;
  bool calls = false;
};

// One row for each session: the newest call, and how many there are.
void print_sessions(const v1::ListSessionsReply& reply, const Output& output) {
  std::map<std::string, std::size_t> calls;
  for (const auto& record : reply.records())
    ++calls[record.session_id()];
  auto columns = record_columns();
  columns.insert(columns.begin() + 2, Column{"CALLS", false, true});
  Table table(std::move(columns));
  for (const auto& record : reply.records()) {
    const auto count = calls.find(record.session_id());
    if (count == calls.end()) continue;
    auto row = record_row(record);
    const auto number = record.kind() == v1::Record::KIND_FLOW ? 0 : count->second;
    row.insert(row.begin() + 2, Cell(std::to_string(number)));
    table.add(std::move(row));
    calls.erase(count);
  }
  table.print(output);
}

void print_calls(const v1::ListSessionsReply& reply, const Output& output) {
  Table table(record_columns());
  for (const auto& record : reply.records())
    table.add(record_row(record));
  table.print(output);
}

int list_sessions(const Context& context, const Options& options) {
  const auto filter = options.filter.value();
  if (!filter) return context.fail(filter.error());
  auto client = context.connect();
  if (!client) return context.fail(client.error());
  v1::ListSessionsRequest request;
  *request.mutable_filter() = *filter;
  request.set_page_size(options.limit);
  request.set_page_token(options.cursor);
  const auto reply = (*client)->list_sessions(request);
  if (!reply) return context.fail(reply.error());
  const auto& output = context.output;
  if (output.json) {
    output.out << boost::json::serialize(sessions_to_json(*reply)) << '\n';
    return exit_ok;
  }
  if (reply->records().empty()) {
    output.out << "No sessions. `callgate run -- COMMAND` makes some; filters may leave some out.\n";
    return exit_ok;
  }
  if (options.calls) {
    print_calls(*reply, output);
  } else {
    print_sessions(*reply, output);
  }
  if (!reply->next_page_token().empty()) {
    output.out << "There are older ones: add --cursor " << safe(reply->next_page_token()) << '\n';
  }
  return exit_ok;
}

}  // namespace

void add_sessions_list(CLI::App& sessions, Context& context) {
  auto options = std::make_shared<Options>();  // shared: with the action, which outlives this function
  auto* const command = sessions.add_subcommand("list", "List sessions, newest first");
  add_filter_options(*command, options->filter, true);
  command->add_flag("--calls", options->calls, "A row for each call instead of each session");
  command->add_option("--limit", options->limit, "How many calls to look at (1000 at most)")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  command->add_option("--cursor", options->cursor, "Go on where another list ended")->type_name("TEXT");
  command->footer(
      "Users see the sessions of their own workloads, administrators all. Of a session with several calls "
      "the newest\n"
      "is shown. --json gives {\"sessions\": [{\"session\", \"workload\", \"calls\", \"functions\", "
      "\"records\"}],\n"
      "\"next_cursor\"}.\n"
      "\n"
      "Examples:\n"
      "  callgate sessions list --since 10m --outcome refused\n"
      "  callgate sessions list --workload shop --function 'http:DELETE *' --calls\n"
      "  callgate --json sessions list --decision deny | jq -r '.sessions[].session'");
  command->callback([&context, options] {
    context.paged = true;
    context.action = [&context, options] { return list_sessions(context, *options); };
  });
}

}  // namespace callgate::cli
