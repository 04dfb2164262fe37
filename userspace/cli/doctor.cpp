#include <algorithm>
#include <iterator>
#include <ostream>

#include "cli/command.hpp"
#include "cli/host_checks.hpp"
#include "cli/json.hpp"
#include "cli/text.hpp"

namespace callgate::cli {
namespace {

Cell state_cell(v1::FindingState state) {
  switch (state) {
    case v1::FINDING_STATE_OK:
      return {"ok", Colour::good};
    case v1::FINDING_STATE_WARNING:
      return {"warning", Colour::warning};
    default:
      return {"FAILED", Colour::bad};
  }
}

void append(Findings& findings, Findings more) {
  findings.insert(findings.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

// An agent that tells its findings looks at the same host with more rights and its own configuration, so this
// command looks itself only where none does.
Findings examine(const Context& context) {
  const auto config_path = context.config.empty() ? std::string(config::default_path) : context.config;
  auto client = context.connect();
  if (!client) {
    auto findings = check_host(config_path);
    findings.push_back(make_finding("agent", v1::FINDING_STATE_FAILED, client.error().message,
                                    "start callgated, or name its socket with --socket"));
    return findings;
  }
  const auto reply = (*client)->doctor();
  if (reply) {
    Findings findings{make_finding("agent", v1::FINDING_STATE_OK, "callgated answers")};
    append(findings, {reply->findings().begin(), reply->findings().end()});
    // A file that the user names may be newer than what the agent read.
    if (!context.config.empty()) append(findings, check_configuration(config_path));
    return findings;
  }
  auto findings = check_host(config_path);
  const bool denied = reply.error().code == "denied";
  findings.push_back(
      make_finding("agent", denied ? v1::FINDING_STATE_WARNING : v1::FINDING_STATE_FAILED,
                   denied ? "callgated answers, but tells only administrators more" : reply.error().message,
                   denied ? "ask as root, or as a user of `control.admins`" : "see the log of callgated"));
  return findings;
}

// `cure` lines hang under their finding, so that both can be long.
void print(const Findings& findings, const Output& output) {
  std::size_t widest = 0;
  for (const auto& finding : findings)
    widest = std::max(widest, width(safe(finding.name())));
  for (const auto& finding : findings) {
    const auto state = state_cell(finding.state());
    const auto name = safe(finding.name());
    output.out << output.paint(state.text, state.colour) << std::string(9 - state.text.size(), ' ') << name
               << std::string(widest - width(name) + 2, ' ') << safe_lines(finding.detail()) << '\n';
    if (finding.state() != v1::FINDING_STATE_OK && !finding.cure().empty()) {
      output.out << std::string(9 + widest + 2, ' ') << "cure: " << safe(finding.cure()) << '\n';
    }
  }
}

int doctor(const Context& context) {
  const auto findings = examine(context);
  const auto& output = context.output;
  if (output.json) {
    v1::DoctorReply all;
    all.mutable_findings()->Add(findings.begin(), findings.end());
    output.out << to_json(all) << '\n';
  } else {
    print(findings, output);
  }
  const bool bad = std::any_of(findings.begin(), findings.end(), [](const v1::Finding& finding) {
    return finding.state() != v1::FINDING_STATE_OK && finding.state() != v1::FINDING_STATE_WARNING;
  });
  return bad ? exit_finding : exit_ok;
}

}  // namespace

void add_doctor(CLI::App& app, Context& context) {
  auto* const command =
      app.add_subcommand("doctor", "Check this host and the agent, with a cure for each finding");
  command->footer(
      "Looks at the host itself, also when no agent runs, and asks the agent for what only it can see. Exit "
      "status 1 if\n"
      "something failed; warnings do not count.\n"
      "\n"
      "Examples:\n"
      "  sudo callgate doctor\n"
      "  callgate --json doctor | jq '.findings[] | select(.state != \"FINDING_STATE_OK\")'");
  command->callback([&context] {
    context.paged = true;
    context.action = [&context] { return doctor(context); };
  });
}

}  // namespace callgate::cli
