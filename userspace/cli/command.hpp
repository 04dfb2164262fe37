// What all commands share: global options, the way to the agent, and how a command ends.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "base/result.hpp"
#include "cli/exit_code.hpp"
#include "cli/output.hpp"
#include "control/client.hpp"

namespace callgate::cli {

struct Context {
  explicit Context(Output output_) : output(output_) {}

  Output output;
  std::string socket;  // --socket; empty: as the configuration says
  std::string config;  // --config; empty: the default file, if it is there
  bool no_color = false;
  bool no_pager = false;
  bool paged = false;     // what the chosen command prints may be long
  bool in_pager = false;  // and it goes to a pager: it may be endless
  // What stands behind "--" of `callgate run`.
  std::vector<std::string> after_dashes;
  // What the chosen command does; set while the command line is parsed. Returns the exit status.
  std::function<int()> action;

  // The control socket to use. Error bad_config if --config names a file that is none.
  [[nodiscard]] Result<std::string> socket_path() const;
  [[nodiscard]] Result<std::unique_ptr<control::Client>> connect() const;
  // Writes "callgate: …" to standard error and returns the exit status of the error.
  [[nodiscard]] int fail(const Error& error) const;
};

// Each adds one command. The app and the context must outlive parsing and the action.
void add_run(CLI::App& app, Context& context);
void add_enroll(CLI::App& app, Context& context);
void add_unenroll(CLI::App& app, Context& context);
void add_workloads(CLI::App& app, Context& context);
void add_status(CLI::App& app, Context& context);
void add_doctor(CLI::App& app, Context& context);
void add_top(CLI::App& app, Context& context);
void add_trace(CLI::App& app, Context& context);
void add_upgrade(CLI::App& app, Context& context);
void add_uninstall(CLI::App& app, Context& context);
void add_sessions(CLI::App& app, Context& context);  // list, show, replay, search, tail, export
void add_sessions_list(CLI::App& sessions, Context& context);
void add_sessions_show(CLI::App& sessions, Context& context);
void add_sessions_replay(CLI::App& sessions, Context& context);
void add_sessions_search(CLI::App& sessions, Context& context);
void add_sessions_tail(CLI::App& sessions, Context& context);
void add_sessions_export(CLI::App& sessions, Context& context);
void add_audit(CLI::App& app,
               Context& context);  // verify, checkpoint, prove, check-proof, key, hold, erase, reindex
void add_audit_verify(CLI::App& audit, Context& context);
void add_audit_checkpoint(CLI::App& audit, Context& context);
void add_audit_check_proof(CLI::App& audit, Context& context);
void add_audit_key(CLI::App& audit, Context& context);
void add_audit_prove(CLI::App& audit, Context& context);
void add_audit_hold(CLI::App& audit, Context& context);  // set, release, list
void add_audit_erase(CLI::App& audit, Context& context);
void add_audit_reindex(CLI::App& audit, Context& context);
void add_policy(CLI::App& app, Context& context);  // check, explain, test, diff, suggest, status, schema
void add_policy_check(CLI::App& policy, Context& context);
void add_policy_explain(CLI::App& policy, Context& context);
void add_policy_test(CLI::App& policy, Context& context);
void add_policy_diff(CLI::App& policy, Context& context);
void add_policy_suggest(CLI::App& policy, Context& context);
void add_policy_status(CLI::App& policy, Context& context);
void add_policy_schema(CLI::App& policy, Context& context);
void add_config(CLI::App& app, Context& context);    // check
void add_identity(CLI::App& app, Context& context);  // show, bundle
void add_metrics(CLI::App& app, Context& context);
void add_completion(CLI::App& app, Context& context);
void add_man(CLI::App& app, Context& context);

// The whole command: parses `arguments` (without the program's name) and does what they say.
[[nodiscard]] int run_command_line(const std::vector<std::string>& arguments, std::ostream& out,
                                   std::ostream& err);

}  // namespace callgate::cli
