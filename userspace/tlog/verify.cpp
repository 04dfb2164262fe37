#include "tlog/verify.hpp"

#include <fmt/format.h>

#include "tlog/note.hpp"
#include "tlog/reader.hpp"

namespace callgate::tlog {
namespace {

// Whether the log still begins with what the older checkpoint says.
void compare(const LogReader& log, const Checkpoint& older, LogReport& report) {
  if (older.size > log.size()) {
    report.add(
        {Finding::Kind::missing, checkpoint_name, log.size(), older.size,
         fmt::format("the log was rolled back: it ends with {} entries, and the older checkpoint has {} ({} "
                     "are missing)",
                     log.size(), older.size, entries_text(log.size(), older.size))});
    return;
  }
  const auto root = log.root_at(older.size);
  if (!root) return;  // the tile that cannot be read is reported
  if (*root != older.root) {
    report.add({Finding::Kind::altered, checkpoint_name, 0, older.size,
                fmt::format("the log was forked: its first {} entries are not those of the older checkpoint",
                            older.size)});
    return;
  }
  if (report.finding_count == 0) report.proven = older.size;
}

Result<void> check_tiles(const std::string& directory, const Checkpoint& checkpoint,
                         const VerifyOptions& options, LogReport& report) {
  const auto on_progress = [&](std::uint64_t entries) {
    if (options.on_progress) options.on_progress(entries, checkpoint.size);
  };
  LogCheck check(
      directory, checkpoint, [&](Finding finding) { report.add(std::move(finding)); }, on_progress);
  check.run(CheckDepth::entries);
  auto others = check.check_others();
  if (!others) return others.error();
  report.beyond = others->beyond.size();
  report.strangers = std::move(others->strangers);
  return {};
}

}  // namespace

void LogReport::add(Finding finding) {
  altered = altered || finding.kind != Finding::Kind::missing;
  missing = missing || finding.kind != Finding::Kind::altered;
  finding_count += 1;
  if (findings.size() < most_findings) findings.push_back(std::move(finding));
}

Result<LogReport> verify_log(const std::string& directory, const VerifierKey& key,
                             const VerifyOptions& options) {
  std::optional<Checkpoint> older;
  if (options.older) {
    auto opened = open_checkpoint(*options.older, key);
    if (!opened) return make_error(opened.error().code, "the older checkpoint: " + opened.error().message);
    older = std::move(*opened);
  }
  LogReport report;
  const auto log = LogReader::open(directory, key);
  if (!log && log.error().code == "system_error") return log.error();
  if (!log) {
    const bool gone = log.error().code == "missing";
    report.add({gone ? Finding::Kind::missing : Finding::Kind::altered, checkpoint_name, 0, 0,
                gone ? log.error().message : fmt::format("{}: {}", checkpoint_name, log.error().message)});
    return report;
  }
  report.checkpoint = log->checkpoint();
  CALLGATE_TRY(check_tiles(directory, log->checkpoint(), options, report));
  if (older) compare(*log, *older, report);
  return report;
}

}  // namespace callgate::tlog
