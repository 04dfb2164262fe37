// callgate upgrade: replaces the running callgated by the program that is installed now, while it works.
#include <chrono>
#include <memory>
#include <ostream>
#include <thread>

#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/json.hpp"
#include "cli/text.hpp"

namespace callgate::cli {
namespace {

constexpr std::chrono::milliseconds look{100};
// Between two callgated nobody listens for a moment.
constexpr std::chrono::seconds silence{15};
// The next one loads programs and starts its proxy (20 s at most), the running one writes down what is in its
// rings (60 s at most).
constexpr std::chrono::seconds patience{120};

// Says once what goes on.
class Progress {
 public:
  explicit Progress(const Output& output) : output_(output) {}
  void say(const std::string& text) {
    if (output_.json || text == last_) return;
    last_ = text;
    output_.err << safe(text) << "\n" << std::flush;
  }

 private:
  const Output& output_;
  std::string last_;
};

std::string open_connections(const v1::StatusReply& status) {
  std::uint64_t open = 0;
  for (const auto& thread : status.threads())
    open += thread.open_connections();
  return fmt::format("{} open connection{}", show_number(open), open == 1 ? "" : "s");
}

std::string describe(const std::string& version, std::uint32_t abi, std::uint32_t generation) {
  return fmt::format("callgated {}, generation {}, kernel programs of ABI {}", version, generation, abi);
}

void print_notes(const v1::Upgrade& upgrade, const Output& output) {
  for (const auto& note : upgrade.notes())
    output.out << "note         " << safe_lines(note) << '\n';
}

int print_possible(const v1::StatusReply& status, const Output& output) {
  const auto& next = status.upgrade();
  if (output.json) {
    output.out << to_json(status) << '\n';
    return exit_ok;
  }
  output.out << "running      " << safe(describe(status.version(), status.abi(), status.generation())) << '\n'
             << "next         " << safe(describe(next.version(), next.abi(), next.generation()))
             << ": has tested itself (kernel programs load, its proxy is ready)\n"
             << fmt::format("workloads    {} would be sent to the next one, without a refused connection\n",
                            status.workloads())
             << fmt::format(
                    "connections  {} would stay with the running one until they end, for {} s at most\n",
                    open_connections(status), status.drain_timeout_ms() / 1000);
  if (next.abi() != status.abi())
    output.out << "kernel       programs of both versions are attached for a moment; the old ones go when "
                  "all workloads are over\n";
  print_notes(next, output);
  output.out << "Nothing was changed. `callgate upgrade` does it.\n";
  return exit_ok;
}

int print_done(const v1::StatusReply& before, const v1::StatusReply& now, const Output& output) {
  if (output.json) {
    output.out << to_json(now) << '\n';
    return exit_ok;
  }
  output.out << safe(fmt::format("pid {}: {}", now.pid(),
                                 describe(now.version(), now.abi(), now.generation())))
             << '\n'
             << fmt::format("The one before (pid {}) serves its {} to their end, for {} s at most.\n",
                            before.pid(), open_connections(before), before.drain_timeout_ms() / 1000);
  return exit_ok;
}

int upgrade(const Context& context, bool dry_run) {
  auto client = context.connect();
  if (!client) return context.fail(client.error());
  const auto before = (*client)->status();
  if (!before) return context.fail(before.error());
  v1::UpgradeRequest request;
  request.set_dry_run(dry_run);
  const auto started = (*client)->start_upgrade(request);
  if (!started) return context.fail(started.error());
  Progress progress(context.output);
  const auto begun = std::chrono::steady_clock::now();
  auto heard = begun;
  for (;;) {
    std::this_thread::sleep_for(look);
    const auto time = std::chrono::steady_clock::now();
    // The connection of before ends with the callgated of before.
    auto asked = context.connect();
    const auto now = asked ? (*asked)->status() : Result<v1::StatusReply>(asked.error());
    if (!now) {
      if (time - heard > silence) return context.fail(now.error());
      progress.say("the next callgated takes over");
      continue;
    }
    heard = time;
    if (now->pid() != before->pid()) return print_done(*before, *now, context.output);
    const auto& next = now->upgrade();
    switch (next.state()) {
      case v1::UPGRADE_STATE_FAILED:
        return context.fail(
            make_error("upgrade_failed",
                       fmt::format("the next callgated did not take over, and pid {} goes on as before: {}",
                                   now->pid(), next.problem())));
      case v1::UPGRADE_STATE_POSSIBLE:
        return print_possible(*now, context.output);
      default:
        progress.say(next.version().empty()
                         ? fmt::format("pid {} tests itself", next.pid())
                         : fmt::format("pid {} ({}) tests itself", next.pid(), next.version()));
    }
    if (time - begun > patience) {
      return context.fail(make_error(
          "timed_out",
          fmt::format("pid {} is not ready yet: `callgate status` shows how it goes on", next.pid())));
    }
  }
}

}  // namespace

void add_upgrade(CLI::App& app, Context& context) {
  auto dry_run = std::make_shared<bool>(false);  // shared: with the action, which outlives this function
  auto* const command =
      app.add_subcommand("upgrade", "Replace the running callgated by the program that is installed now");
  command->add_flag("--dry-run", *dry_run, "Only have the next one test itself, and say what would happen");
  command->footer(
      "The next callgated starts beside the running one, tests itself, and takes state and workloads over: "
      "no connection is\n"
      "refused, no call goes unrecorded. The old one serves its connections to their end, or to "
      "`timeouts.drain`. If\n"
      "the next one fails before that, everything stays as it was, and the exit status is 1.\n"
      "The same is the way to have another configuration in force.\n"
      "\n"
      "Examples:\n"
      "  sudo callgate upgrade --dry-run\n"
      "  sudo callgate upgrade");
  command->callback(
      [&context, dry_run] { context.action = [&context, dry_run] { return upgrade(context, *dry_run); }; });
}

}  // namespace callgate::cli
