#include <memory>
#include <ostream>
#include <string>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "base/bytes.hpp"
#include "cli/command.hpp"
#include "cli/json.hpp"
#include "cli/payload_text.hpp"
#include "cli/progress.hpp"
#include "cli/session_filter.hpp"
#include "cli/text.hpp"

namespace callgate::cli {
namespace {

struct Options {
  FilterOptions filter;
  std::string text;
  bool regex = false;
  bool ignore_case = false;
  std::uint32_t limit = 1000;
};

std::string hit_to_json(const v1::SearchHit& hit) {
  auto value = boost::json::parse(to_json(hit)).as_object();
  value["session_id"] = to_hex(as_bytes(hit.session_id()));
  value["call_id"] = to_hex(as_bytes(hit.call_id()));
  value["opened"] = show_time(hit.opened_ns());
  value.erase("direction");
  value.erase("kind");
  value["part"] = payload_title(hit.direction(), hit.kind());
  value["before"] = safe(hit.before());
  value["match"] = safe(hit.match());
  value["after"] = safe(hit.after());
  return boost::json::serialize(boost::json::object{{"hit", std::move(value)}});
}

class SearchPrinter {
 public:
  explicit SearchPrinter(const Output& output) : output_(output) {}

  bool add(const v1::SearchPart& part) {
    if (part.has_hit()) {
      progress_line_.clear();
      add(part.hit());
    } else {
      progress_ = part.progress();
      if (!progress_.done()) {
        progress_line_.show(fmt::format("{} calls, {} searched, back to {}", show_number(progress_.calls()),
                                        show_size(progress_.bytes()), show_time(progress_.reached_ns())));
      }
    }
    return output_.out.good();
  }

  // Says how far the search came; the exit status.
  int finish() {
    progress_line_.clear();
    if (output_.json) {
      output_.out << "{\"progress\":" << to_json(progress_) << "}\n";
    } else {
      output_.err << fmt::format("{} found; {} calls and {} were searched\n",
                                 hits_ == 1 ? "1 place" : show_number(hits_) + " places",
                                 show_number(progress_.calls()), show_size(progress_.bytes()));
      note(progress_.expired(), "could not be searched: retention has removed their payload");
      note(progress_.erased(), "could not be searched: their payload was erased on demand");
      note(progress_.damaged(),
           "could not be searched: their payload is DAMAGED, see `callgate sessions show`");
      note(progress_.truncated(), "had more payload than was captured");
      if (progress_.limited())
        output_.err << "callgate: there are more places than --limit: these are the newest\n";
    }
    if (progress_.damaged() > 0) return exit_finding;
    return hits_ == 0 ? exit_not_found : exit_ok;
  }

 private:
  void add(const v1::SearchHit& hit) {
    ++hits_;
    if (output_.json) {
      output_.out << hit_to_json(hit) << '\n';
      return;
    }
    if (hit.call_id() != call_) {
      call_ = hit.call_id();
      output_.out << fmt::format("{}  {}  {}  {}\n", show_time(hit.opened_ns()),
                                 output_.paint(to_hex(as_bytes(hit.call_id())), Colour::strong),
                                 safe(hit.workload()), safe(hit.function()));
    }
    output_.out << fmt::format("    {}, byte {}: {}{}{}", payload_title(hit.direction(), hit.kind()),
                               show_number(hit.offset()), safe(hit.before()),
                               output_.paint(safe(hit.match()), Colour::bad), safe(hit.after()))
                << std::endl;
  }

  void note(std::uint64_t calls, const char* what) {
    if (calls > 0) output_.err << fmt::format("callgate: {} of the calls {}\n", show_number(calls), what);
  }

  const Output& output_;
  ProgressLine progress_line_{output_.err};
  v1::SearchProgress progress_;
  std::string call_;
  std::uint64_t hits_ = 0;
};

int search_sessions(const Context& context, const Options& options) {
  const auto filter = options.filter.value();
  if (!filter) return context.fail(filter.error());
  auto client = context.connect();
  if (!client) return context.fail(client.error());
  v1::SearchSessionsRequest request;
  *request.mutable_filter() = *filter;
  request.set_text(options.text);
  request.set_regex(options.regex);
  request.set_ignore_case(options.ignore_case);
  request.set_limit(options.limit);
  SearchPrinter printer(context.output);
  bool done = false;
  const auto searched = (*client)->search_sessions(request, [&](const v1::SearchPart& part) {
    done = done || part.progress().done();
    return printer.add(part);
  });
  if (!searched) return context.fail(searched.error());
  if (!context.output.out.good()) return exit_finding;
  // What was not searched must not pass for what has no such text.
  if (!done) return context.fail({"agent_unreachable", "callgated stopped before the search was through"});
  return printer.finish();
}

}  // namespace

void add_sessions_search(CLI::App& sessions, Context& context) {
  auto options = std::make_shared<Options>();  // shared: with the action, which outlives this function
  auto* const command = sessions.add_subcommand("search", "Find text in what was sent and answered");
  command->add_option("TEXT", options->text, "What to look for, as it stands, or with --regex an expression")
      ->required();
  add_filter_options(*command, options->filter, true);
  command->get_option("--since")->required();
  command->add_flag("--regex", options->regex,
                    "TEXT is a regular expression (RE2); ^ and $ are ends of lines");
  command->add_flag("-i,--ignore-case", options->ignore_case, "Upper and lower case are the same");
  command->add_option("--limit", options->limit, "How many places to find (100000 at most)")
      ->type_name("NUMBER")
      ->capture_default_str()
      ->check(CLI::Range(1, 100'000));
  command->footer(
      "Reads the captured payload of all calls that were opened within the range of time and pass the "
      "filters: "
      "heads, bodies\n"
      "and streams, both directions, newest call first. Bodies are searched as they were sent, so text "
      "within "
      "gzip is not\n"
      "found. Shows each place with what stands around it, and says what could not be searched. Exit status: "
      "0 "
      "found, 5 not\n"
      "found, 1 payload is damaged. It runs with low priority, and Ctrl-C ends it.\n"
      "\n"
      "Examples:\n"
      "  callgate sessions search 4111111111111111 --since 7d\n"
      "  callgate sessions search 'secret_[a-z]+' --regex --since 2026-01-31 --until 2026-02-02 --host "
      "'*.internal'\n"
      "  callgate --json sessions search refund -i --since 1h --workload shop | jq -r '.hit.call_id // "
      "empty'");
  command->callback([&context, options] {
    context.action = [&context, options] { return search_sessions(context, *options); };
  });
}

}  // namespace callgate::cli
