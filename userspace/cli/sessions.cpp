#include "cli/command.hpp"

namespace callgate::cli {

void add_sessions(CLI::App& app, Context& context) {
  auto* const sessions = app.add_subcommand("sessions", "Show what was called, and what came of it");
  sessions->require_subcommand(1);
  add_sessions_list(*sessions, context);
  add_sessions_show(*sessions, context);
  add_sessions_tail(*sessions, context);
  sessions->footer(
      "A session is the recorded life of one connection; it has a record for each call.\n"
      "\n"
      "Examples:\n"
      "  callgate sessions list --decision deny\n"
      "  callgate sessions show 0000000300000001000000000000002a\n"
      "  callgate sessions tail --workload shop");
}

}  // namespace callgate::cli
