#include <algorithm>
#include <chrono>
#include <iostream>
#include <memory>
#include <string>
#include <thread>

#include <unistd.h>

#include "cli/command.hpp"
#include "cli/payload_choice.hpp"
#include "cli/replay.hpp"

namespace callgate::cli {
namespace {

struct Options {
  std::string id;
  std::string speed = "1";
  double longest_wait = 0;  // seconds; 0: as long as it took
  bool step = false;
  PayloadChoice choice;
};

// The time between two pieces, as the options want it.
class Pace {
 public:
  Pace(const Options& options, double speed, const Output& output)
      : options_(options), speed_(speed), output_(output) {}

  bool wait(std::chrono::nanoseconds gap) {
    if (options_.step) return step();
    if (speed_ == 0) return true;
    auto seconds = std::chrono::duration<double>(gap).count() / speed_;
    if (options_.longest_wait > 0) seconds = std::min(seconds, options_.longest_wait);
    // A gap that no sleep can express is one of a clock that was set.
    constexpr double longest = 86'400.0 * 365;
    std::this_thread::sleep_for(std::chrono::duration<double>(std::min(seconds, longest)));
    return true;
  }

 private:
  bool step() {
    if (::isatty(STDIN_FILENO) != 0) output_.err << "[Enter goes on, Ctrl-D ends]" << std::flush;
    std::string line;
    return static_cast<bool>(std::getline(std::cin, line));
  }

  const Options& options_;
  double speed_;
  const Output& output_;
};

int replay_session(const Context& context, const Options& options) {
  const auto& output = context.output;
  if (output.json)
    return context.fail(
        {"invalid", "a replay is for people: `callgate --json sessions show` has each piece with its time"});
  const auto speed = parse_speed(options.speed);
  if (!speed) return context.fail({"invalid", "a speed is a factor such as 2 or 0.5, or max"});
  auto client = context.connect();
  if (!client) return context.fail(client.error());
  v1::ShowSessionRequest request;
  request.set_id(options.id);
  request.set_in_time_order(true);
  Pace pace(options, *speed, output);
  Replay replay(output, [&pace](std::chrono::nanoseconds gap) { return pace.wait(gap); });
  bool wanted = true;
  const auto shown = (*client)->show_session(request, [&](const v1::ShowSessionPart& part) {
    if (part.has_payload() && !options.choice.takes(part.payload())) return true;
    return wanted = replay.add(part);
  });
  if (!shown) return context.fail(shown.error());
  if (wanted) wanted = replay.finish();
  if (!output.out.good()) return exit_finding;
  return replay.damaged() ? exit_finding : exit_ok;
}

}  // namespace

void add_sessions_replay(CLI::App& sessions, Context& context) {
  auto options = std::make_shared<Options>();  // shared: with the action, which outlives this function
  auto* const command = sessions.add_subcommand("replay", "Play a session in its timing");
  add_id_argument(*command, options->id);
  command->add_option("--speed", options->speed, "So many times as fast; max (or 0) does not wait")
      ->type_name("FACTOR")
      ->capture_default_str();
  command->add_option("--max-wait", options->longest_wait, "No pause is longer than this")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.001, 86'400.0));
  command->add_flag("--step", options->step, "Wait for Enter, and not for the time to pass");
  add_choice_options(*command, options->choice);
  command->footer(
      "Shows what passed as it passed: an arrow to the right was sent by the caller, one to the left was "
      "answered, each\n"
      "piece with the time since the session began; = is the end of a call. Nothing is sent anywhere. Text "
      "is "
      "shown as\n"
      "text, the rest as a hex dump; control characters are escaped.\n"
      "\n"
      "Examples:\n"
      "  callgate sessions replay 00000000002a\n"
      "  callgate sessions replay 00000000002a --speed 10 --max-wait 2\n"
      "  callgate sessions replay 00000000002a --step --direction response\n"
      "  callgate sessions replay 00000000002a --speed max | less");
  command->callback([&context, options] {
    context.action = [&context, options] { return replay_session(context, *options); };
  });
}

}  // namespace callgate::cli
