// callgate audit verify: is the audit log what was signed, and is all of it there?
#include <chrono>
#include <iostream>

#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "base/file.hpp"
#include "cli/audit_files.hpp"
#include "cli/audit_report.hpp"
#include "cli/text.hpp"
#include "tlog/note.hpp"

namespace callgate::cli {
namespace {

struct Options {
  std::string log;
  std::string key;
  std::string against;
};

// One line on a terminal that is written over, and gone at the end.
class Progress {
 public:
  explicit Progress(const Context& context)
      : shown_(!context.output.json && &context.output.err == &std::cerr && ::isatty(STDERR_FILENO) != 0) {}
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() {
    if (drawn_) std::cerr << "\r\x1b[K" << std::flush;
  }
  void operator()(std::uint64_t entries, std::uint64_t of) {
    const auto now = std::chrono::steady_clock::now();
    if (!shown_ || now - last_ < std::chrono::milliseconds(100)) return;
    last_ = now;
    drawn_ = true;
    std::cerr << fmt::format("\r{} of {} entries verified ({} %)\x1b[K", show_number(entries),
                             show_number(of), of == 0 ? 100 : entries * 100 / of)
              << std::flush;
  }

 private:
  bool shown_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point last_;
};

int verify(const Context& context, const Options& options) {
  AuditOutcome outcome;
  outcome.directory = audit_directory(context, options.log);
  outcome.against = options.against;
  const auto key = audit_key(options.key, outcome.directory);
  if (!key) return context.fail(key.error());
  outcome.key = key->key.text();
  outcome.key_beside_log = key->beside_log;
  tlog::AuditVerifyOptions wanted;
  if (!options.against.empty()) {
    auto older = read_file(options.against, tlog::note_limit);
    if (!older) return context.fail(make_error("invalid", "--against: " + older.error().message));
    wanted.older = std::move(*older);
  }
  {
    Progress progress(context);
    wanted.on_progress = [&progress](std::uint64_t entries, std::uint64_t of) { progress(entries, of); };
    auto report = tlog::verify_audit_log(outcome.directory, key->key, wanted);
    if (!report) return context.fail(report.error());
    outcome.report = std::move(*report);
  }
  if (context.output.json) {
    context.output.out << boost::json::serialize(audit_to_json(outcome)) << '\n';
  } else {
    print_audit(outcome, context.output);
  }
  return outcome.report.good() ? exit_ok : exit_finding;
}

}  // namespace

void add_audit_verify(CLI::App& group, Context& context) {
  auto options = std::make_shared<Options>();  // shared: with the action, which outlives this function
  auto* const command =
      group.add_subcommand("verify", "Check that nothing in the log was altered and nothing is missing");
  add_log_option(*command, options->log);
  add_key_option(*command, options->key);
  command
      ->add_option("--against", options->against,
                   "A checkpoint that was kept elsewhere: the log must still begin with what that covers")
      ->type_name("FILE");
  command->footer(
      "Reads every entry, hash and signature from the files, with or without the agent, and says two things. "
      "Integrity: nothing that is there differs from what was signed. Completeness: nothing that was signed "
      "is "
      "missing. A log that was rolled back to an earlier state is whole and good by itself; only a "
      "checkpoint that "
      "was kept elsewhere (`callgate audit checkpoint --to`) tells the two apart, and one that shows nothing "
      "is no "
      "pass. Exit status 1 if anything was found.\n"
      "\n"
      "Examples:\n"
      "  callgate audit verify\n"
      "  callgate audit verify --key /mnt/usb/callgate.key --against /mnt/usb/callgate.checkpoint\n"
      "  callgate --json audit verify --log ./copy-of-the-log --key node7.key | jq .findings");
  command->callback(
      [&context, options] { context.action = [&context, options] { return verify(context, *options); }; });
}

}  // namespace callgate::cli
