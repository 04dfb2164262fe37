// Verifies a whole audit log from its files alone: every epoch, and that each holds the end of the one
// before.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "tlog/epoch.hpp"
#include "tlog/verify.hpp"

namespace callgate::tlog {

struct AuditVerifyOptions {
  // As of VerifyOptions; of any epoch.
  std::optional<std::string> older;
  // Of the first entry of an epoch: the note of the checkpoint that it holds, or nothing. Without it, the
  // note is looked for in the entry as it is (find_note).
  std::function<std::optional<std::string>(std::string_view first_entry)> previous_checkpoint;
  // Entries of all epochs.
  std::function<void(std::uint64_t entries, std::uint64_t of)> on_progress;
};

struct AuditReport {
  struct Verified {
    std::uint32_t number = 0;
    LogReport log;
  };
  std::vector<Verified> epochs;
  // Of everything, files relative to the audit log's directory.
  std::vector<Finding> findings;
  std::uint64_t finding_count = 0;
  bool altered = false;  // integrity
  bool missing = false;  // completeness
  std::uint64_t entries = 0;
  // What the older checkpoint shows to be complete; nothing without one, or where it shows nothing.
  struct Proven {
    std::uint32_t epoch = 0;
    std::uint64_t size = 0;
  };
  std::optional<Proven> proven;
  // Why an older checkpoint could be compared with nothing; empty otherwise.
  std::string not_compared;
  std::vector<std::uint32_t> set_aside;

  void add(Finding finding);
  [[nodiscard]] bool good() const { return finding_count == 0 && not_compared.empty(); }
};

// `key` is that of the whole log. Errors: not_found where the directory holds no epoch; those of verify_log;
// wrong_origin where the older checkpoint is of another log.
[[nodiscard]] Result<AuditReport> verify_audit_log(const std::string& directory, const VerifierKey& key,
                                                   const AuditVerifyOptions& options);

// The note whose text begins with this origin, with one signature, anywhere in some bytes.
[[nodiscard]] std::optional<std::string> find_note(std::string_view bytes, std::string_view origin);

}  // namespace callgate::tlog
