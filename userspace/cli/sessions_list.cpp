#include <algorithm>
#include <map>
#include <memory>
#include <ostream>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value_from.hpp>
#include <fmt/format.h>

#include "base/bytes.hpp"
#include "cli/command.hpp"
#include "cli/csv.hpp"
#include "cli/json.hpp"
#include "cli/record_text.hpp"
#include "cli/session_filter.hpp"
#include "cli/session_pages.hpp"
#include "cli/sessions_json.hpp"
#include "cli/text.hpp"
#include "inquiry/column.hpp"

namespace callgate::cli {
namespace {

constexpr std::uint64_t default_limit = 50;
constexpr std::uint64_t largest_sorted = 1000;
constexpr std::uint64_t largest_limit = 100'000;

struct Options {
  FilterOptions filter;
  std::uint64_t limit = 0;  // 0: not given
  bool all = false;
  std::string cursor;
  std::string sort = "time";
  bool reverse = false;
  bool calls = false;
  bool count = false;
  std::string count_by;
  bool csv = false;
};

// Prints records as they come, in the form that was asked for.
class ListPrinter {
 public:
  ListPrinter(const Options& options, const Output& output)
      : options_(options), output_(output), table_(columns(options.calls)) {
    if (options.csv) output_.out << csv_line(record_csv_titles());
  }

  // False: nobody reads it any more.
  bool add(const v1::ListSessionsReply& reply) {
    shown_ += static_cast<std::uint64_t>(reply.records_size());
    if (output_.json) {
      all_.MergeFrom(reply);
    } else if (options_.csv) {
      for (const auto& record : reply.records())
        output_.out << csv_line(record_csv_values(record));
    } else if (options_.calls) {
      for (const auto& record : reply.records())
        table_.add(record_row(record));
      table_.print(output_);
    } else {
      add_sessions(reply);
      table_.print(output_);
    }
    return output_.out.flush().good();
  }

  // `next` is where another list goes on.
  void finish(const std::string& next) {
    if (output_.json) {
      all_.set_next_page_token(next);
      output_.out << boost::json::serialize(sessions_to_json(all_)) << '\n';
    } else if (!options_.csv && shown_ == 0) {
      output_.out << "No sessions. `callgate run -- COMMAND` makes some; filters may leave some out.\n";
    } else if (!options_.csv && !next.empty()) {
      output_.out << "There are " << (options_.reverse ? "newer" : "older") << " ones: add --cursor "
                  << safe(next) << '\n';
    }
  }

 private:
  static std::vector<Column> columns(bool calls) {
    auto result = record_columns();
    if (!calls) result.insert(result.begin() + 2, Column{"CALLS", false, true});
    return result;
  }

  // One row for each session: the call that comes first, and how many there are.
  void add_sessions(const v1::ListSessionsReply& reply) {
    std::map<std::string, std::size_t> calls;
    for (const auto& record : reply.records())
      ++calls[record.session_id()];
    for (const auto& record : reply.records()) {
      const auto count = calls.find(record.session_id());
      if (count == calls.end()) continue;
      auto row = record_row(record);
      const auto number = record.kind() == v1::Record::KIND_FLOW ? 0 : count->second;
      row.insert(row.begin() + 2, Cell(std::to_string(number)));
      table_.add(std::move(row));
      calls.erase(count);
    }
  }

  const Options& options_;
  const Output& output_;
  Table table_;
  v1::ListSessionsReply all_;
  std::uint64_t shown_ = 0;
};

void print_counts(const v1::ListSessionsReply& reply, const Options& options, const Output& output) {
  if (output.json) {
    output.out << boost::json::serialize(counts_to_json(reply, options.count_by)) << '\n';
  } else if (options.count_by.empty()) {
    output.out << (options.csv ? csv_line({"calls"}) + csv_line({std::to_string(reply.count())})
                               : std::to_string(reply.count()) + "\n");
  } else if (options.csv) {
    output.out << csv_line({options.count_by, "calls"});
    for (const auto& group : reply.groups())
      output.out << csv_line({group.value(), std::to_string(group.count())});
  } else {
    std::string title = options.count_by;
    std::transform(title.begin(), title.end(), title.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
    Table table({{"CALLS", false, true}, {title, true}});
    for (const auto& group : reply.groups())
      table.add({show_number(group.count()), group.value()});
    table.print(output);
  }
}

// Whether the options make sense together.
Result<void> check(const Options& options, const Output& output) {
  const auto invalid = [](const char* message) { return make_error("invalid", message); };
  if (options.csv && output.json) return invalid("choose --csv or --json");
  if (options.all && options.limit != 0) return invalid("choose --all or --limit");
  if (options.all && output.json)
    return invalid("--json is one document: set a --limit, or see `callgate sessions export`");
  if (options.sort == "duration") {
    if (!options.cursor.empty()) return invalid("only lists in the order of time go on with --cursor");
    if (options.all || options.limit > largest_sorted)
      return invalid("the order of duration has at most 1000 calls");
  }
  return {};
}

Result<void> list(control::Client& client, const v1::ListSessionsRequest& request, const Options& options,
                  const Context& context) {
  ListPrinter printer(options, context.output);
  if (options.sort == "duration") {
    const auto reply = longest_calls(
        client, request, static_cast<std::uint32_t>(options.limit == 0 ? default_limit : options.limit));
    if (!reply) return reply.error();
    (void)printer.add(*reply);
    printer.finish({});
    return {};
  }
  // A pager shows as much as somebody wants to see.
  const bool all = options.all || (options.limit == 0 && context.in_pager);
  const auto limit = all ? no_limit : options.limit == 0 ? default_limit : options.limit;
  const auto next = each_page(client, request, limit,
                              [&printer](const v1::ListSessionsReply& reply) { return printer.add(reply); });
  if (!next) return next.error();
  printer.finish(*next);
  return {};
}

int list_sessions(const Context& context, const Options& options) {
  if (const auto checked = check(options, context.output); !checked) return context.fail(checked.error());
  const auto filter = options.filter.value();
  if (!filter) return context.fail(filter.error());
  auto client = context.connect();
  if (!client) return context.fail(client.error());
  v1::ListSessionsRequest request;
  *request.mutable_filter() = *filter;
  request.set_page_token(options.cursor);
  request.set_reverse(options.reverse);
  if (options.count || !options.count_by.empty()) {
    for (const auto& [name, column] : inquiry::columns) {
      if (name == options.count_by) request.set_count_by(column);
    }
    const auto reply = count_calls(**client, request);
    if (!reply) return context.fail(reply.error());
    print_counts(*reply, options, context.output);
    return exit_ok;
  }
  const auto listed = list(**client, request, options, context);
  return listed ? exit_ok : context.fail(listed.error());
}

std::vector<std::string> column_names() {
  std::vector<std::string> names;
  for (const auto& [name, column] : inquiry::columns)
    names.emplace_back(name);
  return names;
}

}  // namespace

void add_sessions_list(CLI::App& sessions, Context& context) {
  auto options = std::make_shared<Options>();  // shared: with the action, which outlives this function
  auto* const command = sessions.add_subcommand("list", "List sessions, newest first, or count calls");
  add_filter_options(*command, options->filter, true);
  command->add_flag("--calls", options->calls, "A row for each call instead of each session");
  command->add_option("--sort", options->sort, "By time (newest first) or by duration (longest first)")
      ->type_name("BY")
      ->capture_default_str()
      ->check(CLI::IsMember({"time", "duration"}));
  command->add_flag("--reverse", options->reverse, "Oldest first, or shortest first");
  command
      ->add_option("--limit", options->limit,
                   "How many calls to look at (default: 50, or through a pager as many as you read)")
      ->type_name("NUMBER")
      ->check(CLI::Range(std::uint64_t{1}, largest_limit));
  command->add_flag("--all", options->all, "All calls, however many");
  command->add_option("--cursor", options->cursor, "Go on where another list ended")->type_name("TEXT");
  command->add_flag("--count", options->count, "Only how many calls there are");
  command->add_option("--count-by", options->count_by, "How many calls there are for each value of a column")
      ->type_name("COLUMN")
      ->check(CLI::IsMember(column_names()));
  command->add_flag("--csv", options->csv, "A line for each call, as spreadsheets read it (RFC 4180)");
  command->footer(
      "Users see the sessions of their own workloads, administrators all. Of a session with several calls "
      "the newest\n"
      "is shown; calls that are far apart (1000 calls of others) have a row of their own. --json gives\n"
      "{\"sessions\": [{\"session\", \"workload\", \"calls\", \"functions\", \"records\"}], "
      "\"next_cursor\"}.\n"
      "In globs * is any run of characters.\n"
      "\n"
      "Examples:\n"
      "  callgate sessions list --since 10m --outcome refused\n"
      "  callgate sessions list --workload shop --function 'http:DELETE *' --calls\n"
      "  callgate sessions list --since 1h --sort duration --limit 20 --calls    what took longest\n"
      "  callgate sessions list --since 1h --decision deny --count-by rule       which rules denied how "
      "often\n"
      "  callgate sessions list --since 7d --status 5xx --all --csv > errors.csv\n"
      "  callgate --json sessions list --decision deny | jq -r '.sessions[].session'");
  command->callback([&context, options] {
    context.paged = true;
    context.action = [&context, options] { return list_sessions(context, *options); };
  });
}

}  // namespace callgate::cli
