#include "cli/command.hpp"

namespace callgate::cli {

void add_audit(CLI::App& app, Context& context) {
  auto* const group = app.add_subcommand(
      "audit", "Verify the audit log, prove what is in it, hold and erase what lies beside it");
  group->require_subcommand(1);
  add_audit_verify(*group, context);
  add_audit_checkpoint(*group, context);
  add_audit_check_proof(*group, context);
  add_audit_key(*group, context);
  add_audit_prove(*group, context);
  add_audit_hold(*group, context);
  add_audit_erase(*group, context);
  add_audit_reindex(*group, context);
  group->footer(
      "The audit log is a transparency log (c2sp.org/tlog-tiles): nobody can change, remove or reorder an "
      "entry "
      "without being found out by whoever has an older checkpoint. verify, checkpoint, check-proof and key "
      "read its "
      "files, so they work while the agent is down, and on a copy.\n"
      "\n"
      "Examples:\n"
      "  callgate audit key > key-kept-elsewhere\n"
      "  callgate audit checkpoint --to checkpoint-kept-elsewhere\n"
      "  callgate audit verify --key key-kept-elsewhere --against checkpoint-kept-elsewhere");
}

}  // namespace callgate::cli
