#include "cli/command.hpp"

namespace callgate::cli {

void add_sessions(CLI::App& app, Context& context) {
  auto* const sessions = app.add_subcommand("sessions", "Show what was called, and what came of it");
  sessions->require_subcommand(1);
  add_sessions_list(*sessions, context);
  add_sessions_show(*sessions, context);
  add_sessions_replay(*sessions, context);
  add_sessions_search(*sessions, context);
  add_sessions_tail(*sessions, context);
  add_sessions_export(*sessions, context);
  sessions->footer(
      "A session is the recorded life of one connection; it has a record for each call.\n"
      "\n"
      "Examples:\n"
      "  callgate sessions list --since 1h --decision deny --count-by rule\n"
      "  callgate sessions show 0000000300000001000000000000002a\n"
      "  callgate sessions replay 00000000002a --speed max\n"
      "  callgate sessions search 'account 4711' --since 2d\n"
      "  callgate sessions tail --follow --workload shop\n"
      "  callgate sessions export --since 1d --format har --payloads -o calls.har");
}

}  // namespace callgate::cli
