// What `callgate audit verify` found, in words and for programs.
#pragma once

#include <string>

#include <boost/json/object.hpp>

#include "cli/output.hpp"
#include "tlog/audit_verify.hpp"

namespace callgate::cli {

struct AuditOutcome {
  std::string directory;
  std::string key;  // as text
  bool key_beside_log = false;
  std::string against;  // file of the older checkpoint; empty: none
  tlog::AuditReport report;
};

// "good", "broken" or "unknown": whether anything was altered.
[[nodiscard]] std::string integrity_of(const tlog::AuditReport& report);
// "proven", "unproven", "broken" or "unknown": whether anything is missing.
[[nodiscard]] std::string completeness_of(const tlog::AuditReport& report);

void print_audit(const AuditOutcome& outcome, const Output& output);
[[nodiscard]] boost::json::object audit_to_json(const AuditOutcome& outcome);

}  // namespace callgate::cli
