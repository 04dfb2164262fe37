// Verifies a whole log from its files alone: that nothing in it was altered (integrity) and that nothing is
// missing (completeness), which are two things.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "tlog/checkpoint.hpp"
#include "tlog/log_check.hpp"

namespace callgate::tlog {

struct VerifyOptions {
  // The note of a checkpoint that was kept elsewhere: without one, nobody can tell a log from what it was
  // some time ago.
  std::optional<std::string> older;
  std::function<void(std::uint64_t entries, std::uint64_t of)> on_progress;
};

struct LogReport {
  static constexpr std::size_t most_findings = 1000;

  std::optional<Checkpoint> checkpoint;  // nothing where none verifies: then nothing else was checked
  std::vector<Finding> findings;         // the first most_findings
  std::uint64_t finding_count = 0;
  bool altered = false;  // integrity: something is not what was signed
  bool missing = false;  // completeness: something that was signed is not there
  // Entries that the older checkpoint shows to be the same now; nothing without one.
  std::optional<std::uint64_t> proven;
  std::size_t beyond = 0;              // tiles that no checkpoint covers yet
  std::vector<std::string> strangers;  // files that belong to no log

  void add(Finding finding);
  // Nothing speaks against the log.
  [[nodiscard]] bool good() const { return checkpoint && finding_count == 0; }
};

// What the log of `key`'s name in a directory is like, also while it is written. What is wrong with it is in
// the report. Errors: of an older checkpoint that is none of this log and key (as of open_checkpoint); system
// errors, where the directory cannot be looked at.
[[nodiscard]] Result<LogReport> verify_log(const std::string& directory, const VerifierKey& key,
                                           const VerifyOptions& options);

}  // namespace callgate::tlog
