#include <algorithm>
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

// What the agent says; about the same thing it knows more than this command.
void add_findings_of_agent(Findings& findings,
                           const google::protobuf::RepeatedPtrField<v1::Finding>& of_agent) {
  for (const auto& finding : of_agent) {
    findings.erase(std::remove_if(findings.begin(), findings.end(),
                                  [&](const v1::Finding& own) { return own.name() == finding.name(); }),
                   findings.end());
  }
  findings.insert(findings.end(), of_agent.begin(), of_agent.end());
}

Findings examine(const Context& context) {
  const auto config_path = context.config.empty() ? std::string(config::default_path) : context.config;
  auto client = context.connect();
  auto findings = check_host(config_path, !client);
  if (!client) {
    findings.push_back(make_finding("agent", v1::FINDING_STATE_FAILED, client.error().message,
                                    "start callgated, or name its socket with --socket"));
    return findings;
  }
  const auto reply = (*client)->doctor();
  if (reply) {
    findings.push_back(make_finding("agent", v1::FINDING_STATE_OK, "callgated answers"));
    add_findings_of_agent(findings, reply->findings());
  } else if (reply.error().code == "denied") {
    findings.push_back(make_finding("agent", v1::FINDING_STATE_WARNING,
                                    "callgated answers, but tells only administrators more",
                                    "ask as root, or as a user of `control.admins`"));
  } else {
    findings.push_back(
        make_finding("agent", v1::FINDING_STATE_FAILED, reply.error().message, "see the log of callgated"));
  }
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
  command->callback([&context] { context.action = [&context] { return doctor(context); }; });
}

}  // namespace callgate::cli
