// callgated: the privileged half of the agent. Reads its command line and configuration, and runs the node.
#include <climits>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <unistd.h>

#include "base/log.hpp"
#include "config/config.hpp"
#include "node/helper_protocol.hpp"
#include "node/node.hpp"

namespace {

constexpr int status_failed = 1;
constexpr int status_usage = 2;
constexpr int status_configuration = 3;
constexpr int helper_channel = 3;

constexpr std::string_view help = R"(callgated - the agent of callgate

Usage: callgated [--config FILE] [--replace [--dry-run]]

Runs in the foreground: attaches the kernel programs, starts callgate-proxy, and serves the `callgate` command.
SIGTERM and SIGINT drain and end it; enrolled workloads stay attached, and their calls are refused until it runs again.
SIGHUP reads the policies anew (they are also read when a file of theirs changes).

With --replace it takes the place of the callgated that runs: it tests itself first, then takes state and workloads over without
a refused connection, and the other one serves what it has to its end. If anything fails before that, the other one goes on.
`callgate upgrade` starts it this way.

  --config FILE   the configuration (default: /etc/callgate/callgate.yaml)
  --replace       take the place of the callgated that runs, if one does
  --dry-run       with --replace: only test whether that would work
  --version       print the version
  --help          print this

Exit status: 0 ended as asked, 1 could not start or go on (the log says why and what to do), 2 wrong usage,
3 the configuration cannot be used.
)";

void print(std::FILE* file, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), file);
}

std::string own_path() {
  char path[PATH_MAX];
  const ssize_t size = ::readlink("/proc/self/exe", path, sizeof(path));
  return size > 0 && static_cast<std::size_t>(size) < sizeof(path)
             ? std::string(path, static_cast<std::size_t>(size))
             : std::string();
}

int run_agent(callgate::node::NodeOptions options) {
  const auto loaded = callgate::config::load_config(options.config_path);
  if (!loaded.findings.empty()) {
    for (const auto& finding : loaded.findings)
      print(stderr, callgate::config::format_finding(finding) + "\n");
    return status_configuration;
  }
  callgate::start_log("callgated", loaded.config.log_level);
  if (::geteuid() != 0) {
    callgate::log_error("start_failed", {{"code", "not_root"},
                                         {"error", "callgated attaches kernel programs: run it as root"}});
    return status_failed;
  }
  std::signal(SIGPIPE, SIG_IGN);
  options.program = own_path();
  const auto ended = callgate::node::run_node(loaded.config, std::move(options));
  if (!ended) {
    callgate::log_error("start_failed", {{"code", ended.error().code}, {"error", ended.error().message}});
    return status_failed;
  }
  return 0;
}

int run(int count, char** arguments) {
  callgate::node::NodeOptions options;
  options.config_path = callgate::config::default_path;
  for (int i = 1; i < count; ++i) {
    const std::string_view word = arguments[i];
    if (word == "--help" || word == "-h") {
      print(stdout, help);
      return 0;
    }
    if (word == "--version") {
      print(stdout, fmt::format("callgated {}\n", CALLGATE_VERSION));
      return 0;
    }
    // For callgated itself, which starts the helper with its channel in place.
    if (word == "--socket-helper" && count == 2) return callgate::node::run_helper(helper_channel);
    if (word == "--config" && i + 1 < count) {
      options.config_path = arguments[++i];
    } else if (word.substr(0, 9) == "--config=") {
      options.config_path = word.substr(9);
    } else if (word == "--replace") {
      options.replace = true;
    } else if (word == "--dry-run") {
      options.dry_run = true;
    } else {
      print(stderr, fmt::format("callgated: unknown argument {}; see callgated --help\n", word));
      return status_usage;
    }
  }
  if (options.dry_run && !options.replace) {
    print(stderr, "callgated: --dry-run belongs to --replace; see callgated --help\n");
    return status_usage;
  }
  // The next callgated starts in another directory.
  options.config_path = std::filesystem::absolute(options.config_path);
  return run_agent(std::move(options));
}

}  // namespace

int main(int count, char** arguments) {
  try {
    return run(count, arguments);
  } catch (const std::exception& problem) {
    callgate::log_error("failed", {{"error", problem.what()}});
    return status_failed;
  }
}
