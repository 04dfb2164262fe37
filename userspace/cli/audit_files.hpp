// The audit log that commands of `callgate audit` work on: its files, since what shows that the agent told
// the truth must not depend on the agent.
#pragma once

#include <string>

#include "cli/command.hpp"
#include "tlog/key.hpp"

namespace callgate::cli {

struct AuditKey {
  tlog::VerifierKey key;
  bool beside_log = false;  // nobody gave it: it lies in the log's own directory
};

// --log, or the log of the agent as its configuration says.
[[nodiscard]] std::string audit_directory(const Context& context, const std::string& given);
// A verifier key, or the name of a file that holds one; empty: the one beside the log. Errors: invalid;
// system errors.
[[nodiscard]] Result<AuditKey> audit_key(const std::string& given, const std::string& directory);

// The option that all of them share.
void add_log_option(CLI::App& command, std::string& directory);
void add_key_option(CLI::App& command, std::string& key);

}  // namespace callgate::cli
