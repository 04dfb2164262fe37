// callgate top: what is called now, and how it goes.
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <sstream>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "cli/command.hpp"
#include "cli/follow.hpp"
#include "cli/screen.hpp"
#include "cli/top_table.hpp"

namespace callgate::cli {
namespace {

struct Options {
  double interval = 2;  // seconds
  bool once = false;
  std::string sort = "calls";
};

// Records come in on a thread of their own.
class Feed {
 public:
  explicit Feed(const Context& context) : follower_(context) {
    thread_ = std::thread([this] {
      v1::TailSessionsRequest request;
      request.set_follow(true);
      const auto ended = follower_.run(
          request,
          [this](const v1::TailItem& item) {
            const std::lock_guard lock(mutex_);
            if (item.has_record()) table_.add(item.record());
            return true;
          },
          [] {});
      const std::lock_guard lock(mutex_);
      if (!ended) failure_ = ended.error();
    });
  }
  ~Feed() {
    follower_.stop();
    thread_.join();
  }
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;

  // What came since the last time.
  [[nodiscard]] Result<TopTable::Picture> take(TopSort sort) {
    const std::lock_guard lock(mutex_);
    if (failure_) return *failure_;
    return table_.take(sort);
  }

 private:
  Follower follower_;
  std::mutex mutex_;
  TopTable table_;
  std::optional<Error> failure_;
  std::thread thread_;
};

TopSort sort_of(const std::string& name) {
  return name == "denied" ? TopSort::denied : name == "p99" ? TopSort::p99 : TopSort::calls;
}

Result<std::pair<TopTable::Picture, v1::StatusReply>> look(const Context& context, Feed& feed,
                                                           const Options& options) {
  auto picture = feed.take(sort_of(options.sort));
  if (!picture) return picture.error();
  auto client = context.connect();
  // While one callgated takes the place of another there is none for a moment; the picture is without its
  // counts then.
  auto status = client ? (*client)->status() : Result<v1::StatusReply>(v1::StatusReply());
  if (!status) return status.error();
  return std::pair{std::move(*picture), std::move(*status)};
}

int on_terminal(const Context& context, Feed& feed, const Options& options,
                std::chrono::milliseconds interval) {
  std::optional<Error> failure;
  {
    const Screen screen;
    screen.show("looking at the calls of the first interval; q ends this\n");
    while (!screen.wait(interval)) {
      const auto seen = look(context, feed, options);
      if (!seen) {
        failure = seen.error();
        break;
      }
      const Screen::Size size = Screen::size();
      std::ostringstream text;
      Output output{text, context.output.err};
      output.colour = context.output.colour;
      output.columns = size.columns;
      print_picture(seen->first, seen->second, options.interval, size.rows, output);
      screen.show(text.str());
    }
  }
  return failure ? context.fail(*failure) : exit_ok;
}

int top(const Context& context, const Options& options) {
  auto client = context.connect();
  if (!client) return context.fail(client.error());
  const auto status = (*client)->status();
  if (!status) return context.fail(status.error());
  Feed feed(context);
  const std::chrono::milliseconds interval(static_cast<std::int64_t>(options.interval * 1000));
  const bool terminal = ::isatty(STDIN_FILENO) != 0 && ::isatty(STDOUT_FILENO) != 0;
  if (terminal && !options.once && !context.output.json) return on_terminal(context, feed, options, interval);
  do {
    std::this_thread::sleep_for(interval);
    const auto seen = look(context, feed, options);
    if (!seen) return context.fail(seen.error());
    if (context.output.json) {
      context.output.out << picture_to_json(seen->first, seen->second, options.interval) << std::endl;
    } else {
      print_picture(seen->first, seen->second, options.interval, 0, context.output);
    }
  } while (context.output.json && !options.once && context.output.out.good());
  return exit_ok;
}

}  // namespace

void add_top(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();  // shared: with the action, which outlives this function
  auto* const command =
      app.add_subcommand("top", "Show who calls what now, with rates, denials and latencies");
  command->add_option("--interval", options->interval, "Seconds between two pictures (default: 2)")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.2, 3600.0));
  command->add_flag("--once", options->once, "One picture, after one interval");
  command->add_option("--sort", options->sort, "What comes first: calls, denied or p99 (default: calls)")
      ->type_name("BY")
      ->check(CLI::IsMember({"calls", "denied", "p99"}));
  command->footer(
      "Counts the calls that end between two pictures, of the workloads that you may see. q or Ctrl-C ends "
      "it. Where the output\n"
      "is no terminal it prints one picture, and with --json one object for each interval.\n"
      "\n"
      "Examples:\n"
      "  callgate top\n"
      "  callgate top --sort denied --interval 10\n"
      "  callgate --json top --once | jq '.functions[0]'");
  command->callback(
      [&context, options] { context.action = [&context, options] { return top(context, *options); }; });
}

}  // namespace callgate::cli
