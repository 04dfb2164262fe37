#include <atomic>
#include <csignal>
#include <memory>
#include <optional>
#include <ostream>

#include <boost/json/serialize.hpp>
#include <unistd.h>

#include "cli/command.hpp"
#include "cli/cursor_file.hpp"
#include "cli/follow.hpp"
#include "cli/json.hpp"
#include "cli/record_text.hpp"
#include "cli/session_filter.hpp"

namespace callgate::cli {
namespace {

struct Options {
  FilterOptions filter;
  std::uint32_t last = 10;
  bool follow = false;
  bool from_start = false;
  std::string cursor_file;
};

// A signal ends the command between two records, not between a record and its place.
std::atomic<bool> printing = false;
std::atomic<int> ended_by = 0;
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

[[noreturn]] void leave(int signal) {
  // Ctrl-C is how following is meant to end.
  ::_exit(signal == SIGINT ? exit_ok : 128 + signal);
}

extern "C" void leave_soon(int signal) {
  ended_by = signal;
  if (!printing) leave(signal);
}

// Prints records, and keeps the place behind each that was printed.
class TailPrinter {
 public:
  TailPrinter(const Output& output, std::optional<CursorFile>& place) : output_(output), place_(place) {}

  bool add(const v1::TailItem& item) {
    printing = true;
    const bool more = print_and_keep(item);
    printing = false;
    if (ended_by != 0) leave(ended_by);
    return more;
  }

  // How it ended, apart from the agent.
  [[nodiscard]] const Result<void>& kept() const { return kept_; }

 private:
  bool print_and_keep(const v1::TailItem& item) {
    if (item.has_record()) {
      const auto& record = item.record();
      output_.out << (output_.json ? boost::json::serialize(record_to_json(record))
                                   : record_line(record, output_))
                  << std::endl;
    }
    if (!output_.out.good()) return false;
    if (place_ && !item.cursor().empty()) kept_ = place_->keep(item.cursor());
    return kept_.has_value();
  }

  const Output& output_;
  std::optional<CursorFile>& place_;
  Result<void> kept_;
};

int tail_sessions(const Context& context, const Options& options) {
  const auto filter = options.filter.value();
  if (!filter) return context.fail(filter.error());
  v1::TailSessionsRequest request;
  *request.mutable_filter() = *filter;
  request.set_follow(options.follow);
  if (options.from_start) {
    request.set_after("0");
  } else {
    request.set_last(options.last);
  }
  std::optional<CursorFile> place;
  if (!options.cursor_file.empty()) {
    auto opened = CursorFile::open(options.cursor_file);
    if (!opened) return context.fail(opened.error());
    place = std::move(*opened);
    if (!place->cursor().empty()) request.set_after(place->cursor());
  }
  std::signal(SIGINT, leave_soon);
  std::signal(SIGTERM, leave_soon);
  TailPrinter printer(context.output, place);
  const auto ended = Follower(context, Follower::endless)
                         .run(
                             request, [&](const v1::TailItem& item) { return printer.add(item); },
                             [&context] {
                               context.output.err
                                   << "callgate: callgated went away; this goes on, where it was, "
                                      "when it is back"
                                   << std::endl;
                             });
  if (!printer.kept()) return context.fail(printer.kept().error());
  if (!ended) return context.fail(ended.error());
  // The reader of our output went away.
  return context.output.out.good() ? exit_ok : exit_finding;
}

}  // namespace

void add_sessions_tail(CLI::App& sessions, Context& context) {
  auto options = std::make_shared<Options>();  // shared: with the action, which outlives this function
  auto* const command =
      sessions.add_subcommand("tail", "Show the calls that ended last, and follow what comes");
  add_filter_options(*command, options->filter, false);
  command->add_option("-n,--last", options->last, "Begin with so many that have ended already (1000 at most)")
      ->type_name("NUMBER")
      ->capture_default_str()
      ->check(CLI::Range(0, 1000));
  command->add_flag("-f,--follow", options->follow, "Go on with calls as they end, until Ctrl-C");
  command->add_flag("--from-start", options->from_start, "Begin with the oldest record there is");
  command
      ->add_option("--cursor-file", options->cursor_file,
                   "Keep the place in this file, and begin behind it the next time")
      ->type_name("FILE");
  command->footer(
      "Each record comes once, in the order in which calls ended, also over restarts and replacements of the "
      "agent: while it\n"
      "is away, this waits. With --cursor-file that holds over ends of this command as well: a record's "
      "place "
      "is kept when\n"
      "the record has been written. Begin with -n 0 for what is new from now on, or with --from-start.\n"
      "\n"
      "Examples:\n"
      "  callgate sessions tail\n"
      "  callgate sessions tail --follow --decision deny\n"
      "  callgate --json sessions tail --follow | jq -c '[.function, .outcome]'\n"
      "  callgate --json sessions tail --from-start --follow --cursor-file /var/lib/shipper/callgate | "
      "shipper");
  command->callback([&context, options] {
    context.action = [&context, options] { return tail_sessions(context, *options); };
  });
}

}  // namespace callgate::cli
