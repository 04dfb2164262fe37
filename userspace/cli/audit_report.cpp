#include "cli/audit_report.hpp"

#include <algorithm>
#include <ostream>

#include <boost/json/array.hpp>
#include <fmt/format.h>

#include "cli/text.hpp"
#include "tlog/base64.hpp"

namespace callgate::cli {
namespace {

constexpr std::size_t most_shown = 20;  // findings; --json has more

// An epoch whose checkpoint does not verify was not looked into.
bool looked_everywhere(const tlog::AuditReport& report) {
  return std::all_of(report.epochs.begin(), report.epochs.end(),
                     [](const auto& epoch) { return epoch.log.checkpoint.has_value(); });
}

std::string count(std::uint64_t number, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", show_number(number), number == 1 ? one : many);
}

std::string integrity_text(const tlog::AuditReport& report) {
  const auto state = integrity_of(report);
  if (state == "broken") return "something is not what was signed: see below";
  if (state == "unknown") return "a checkpoint is missing, so nobody can say what was signed";
  return "every entry, hash and signature is what was signed";
}

std::string completeness_text(const AuditOutcome& outcome) {
  const auto& report = outcome.report;
  const auto state = completeness_of(report);
  if (state == "broken") return "something that was signed is missing: see below";
  if (state == "unknown") return "not known, since a checkpoint does not verify";
  if (state == "proven") {
    return fmt::format("nothing is missing, and everything that {} vouches for (epoch {}, {}) is still there",
                       safe(outcome.against), report.proven->epoch,
                       count(report.proven->size, "entry", "entries"));
  }
  if (!report.not_compared.empty()) return safe(report.not_compared);
  if (!outcome.against.empty())
    return "the older checkpoint cannot be compared with a log whose integrity is broken";
  return "nothing is missing up to the log's own last checkpoint. Whether that is the newest that ever was, "
         "only one "
         "that was kept elsewhere tells: --against";
}

Cell state_cell(const std::string& state) {
  const auto colour = state == "broken"                      ? Colour::bad
                      : state == "good" || state == "proven" ? Colour::good
                                                             : Colour::warning;
  return {state, colour};
}

void print_line(const Output& output, std::string_view title, const Cell& state, std::string_view text) {
  output.out << fmt::format("{:<13} ", title) << output.paint(state.text, state.colour)
             << (state.text.empty() ? "" : ": ") << text << '\n';
}

std::string epochs_text(const tlog::AuditReport& report) {
  if (report.epochs.empty()) return "no epoch";
  const auto first = report.epochs.front().number;
  const auto last = report.epochs.back().number;
  auto text = first == last ? fmt::format("epoch {}", first) : fmt::format("epochs {} to {}", first, last);
  if (first > 1) text += " (those before have expired)";
  return text;
}

void print_notes(const AuditOutcome& outcome, const Output& output) {
  for (const auto& epoch : outcome.report.epochs) {
    if (epoch.log.beyond > 0) {
      output.out << fmt::format("epoch {}: {} no checkpoint covers yet\n", epoch.number,
                                count(epoch.log.beyond, "file that", "files that"));
    }
    for (const auto& stranger : epoch.log.strangers)
      output.out << fmt::format("epoch {}: {} is no part of the log\n", epoch.number, safe(stranger));
  }
}

void print_findings(const tlog::AuditReport& report, const Output& output) {
  if (report.finding_count == 0) return;
  output.out << '\n';
  for (std::size_t i = 0; i < std::min(most_shown, report.findings.size()); ++i)
    output.out << safe(report.findings[i].message) << '\n';
  if (report.finding_count > most_shown) {
    output.out << fmt::format("and {} more (--json has up to {})\n",
                              show_number(report.finding_count - most_shown), tlog::LogReport::most_findings);
  }
}

std::string kind_name(tlog::Finding::Kind kind) {
  switch (kind) {
    case tlog::Finding::Kind::altered:
      return "altered";
    case tlog::Finding::Kind::missing:
      return "missing";
    case tlog::Finding::Kind::cut:
      return "cut";
  }
  return "altered";
}

boost::json::array epochs_to_json(const tlog::AuditReport& report) {
  boost::json::array epochs;
  for (const auto& epoch : report.epochs) {
    boost::json::object object{{"number", epoch.number},
                               {"altered", epoch.log.altered},
                               {"missing", epoch.log.missing},
                               {"files_beyond_checkpoint", epoch.log.beyond}};
    boost::json::array strangers(epoch.log.strangers.begin(), epoch.log.strangers.end());
    object["foreign_files"] = std::move(strangers);
    if (epoch.log.checkpoint) {
      object["origin"] = epoch.log.checkpoint->origin;
      object["size"] = epoch.log.checkpoint->size;
      object["root"] = tlog::to_base64(epoch.log.checkpoint->root);
    }
    epochs.push_back(std::move(object));
  }
  return epochs;
}

}  // namespace

std::string integrity_of(const tlog::AuditReport& report) {
  if (report.altered) return "broken";
  return looked_everywhere(report) ? "good" : "unknown";
}

std::string completeness_of(const tlog::AuditReport& report) {
  if (report.missing) return "broken";
  if (!looked_everywhere(report)) return "unknown";
  return report.proven ? "proven" : "unproven";
}

void print_audit(const AuditOutcome& outcome, const Output& output) {
  const auto& report = outcome.report;
  print_line(output, "log", Cell(""),
             fmt::format("{}, {}, {}", safe(outcome.directory), epochs_text(report),
                         count(report.entries, "entry", "entries")));
  print_line(
      output, "key", Cell(""),
      safe(outcome.key) + (outcome.key_beside_log
                               ? "\n              (it lies beside the log, where whoever rewrites that can "
                                 "replace it: give one that was kept elsewhere with --key)"
                               : ""));
  print_line(output, "integrity", state_cell(integrity_of(report)), integrity_text(report));
  print_line(output, "completeness", state_cell(completeness_of(report)), completeness_text(outcome));
  print_notes(outcome, output);
  print_findings(report, output);
}

boost::json::object audit_to_json(const AuditOutcome& outcome) {
  const auto& report = outcome.report;
  boost::json::array findings;
  for (const auto& finding : report.findings) {
    findings.push_back(boost::json::object{{"kind", kind_name(finding.kind)},
                                           {"file", finding.file},
                                           {"first_entry", finding.first_entry},
                                           {"end_entry", finding.end_entry},
                                           {"message", finding.message}});
  }
  boost::json::object object{{"ok", report.good()},
                             {"integrity", integrity_of(report)},
                             {"completeness", completeness_of(report)},
                             {"directory", outcome.directory},
                             {"key", outcome.key},
                             {"key_beside_log", outcome.key_beside_log},
                             {"entries", report.entries},
                             {"epochs", epochs_to_json(report)},
                             {"findings", std::move(findings)},
                             {"finding_count", report.finding_count}};
  if (report.proven) {
    object["proven"] = boost::json::object{{"epoch", report.proven->epoch}, {"size", report.proven->size}};
  }
  if (!report.not_compared.empty()) object["not_compared"] = report.not_compared;
  return object;
}

}  // namespace callgate::cli
