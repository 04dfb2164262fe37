// callgate policy explain: the way to a decision, rule by rule.
#include <memory>
#include <ostream>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/policy_call.hpp"
#include "cli/policy_files.hpp"
#include "cli/text.hpp"
#include "policy/cases.hpp"
#include "policy/difference.hpp"
#include "policy/explanation.hpp"

namespace callgate::cli {
namespace {

namespace json = boost::json;

struct Options {
  CallOptions call;
  std::vector<std::string> files;
  std::string default_mode = "observe";
};

Colour colour_of(policy::Expected outcome) {
  switch (outcome) {
    case policy::Expected::allow:
      return Colour::good;
    case policy::Expected::deny:
      return Colour::bad;
    default:
      return Colour::warning;
  }
}

json::array obligations_json(const policy::Obligations& obligations) {
  json::array lines;
  for (const auto& line : policy::describe(obligations))
    lines.emplace_back(line);
  return lines;
}

json::object to_json_object(const policy::Explanation& explanation) {
  const auto& decision = explanation.decision;
  json::array policies;
  for (const auto& step : explanation.policies) {
    json::array rules;
    for (const auto& rule : step.rules) {
      rules.push_back(json::object{{"rule", rule.rule},
                                   {"action", policy::to_string(rule.action)},
                                   {"function_matches", rule.function_matches},
                                   {"other_reading", rule.other_reading},
                                   {"when", rule.when},
                                   {"outcome", rule.outcome},
                                   {"obligations", obligations_json(*rule.obligations)}});
    }
    policies.push_back(json::object{{"policy", step.policy},
                                    {"mode", policy::to_string(step.mode)},
                                    {"selects", step.selects},
                                    {"counts", step.counts},
                                    {"target", step.target},
                                    {"rules", std::move(rules)}});
  }
  json::array limits;
  for (const auto& limit : decision.limits)
    limits.emplace_back(policy::to_string(*limit.limit));
  return {{"decision", policy::to_string(policy::outcome_of(decision))},
          {"verdict", decision.verdict == policy::Verdict::allow ? "allow" : "deny"},
          {"policy", decision.policy},
          {"rule", decision.rule},
          {"reason", decision.reason},
          {"fault", decision.fault},
          {"trial", json::object{{"policy", decision.trial.policy},
                                 {"rule", decision.trial.rule},
                                 {"reason", decision.trial.reason}}},
          {"upstream", decision.upstream != nullptr ? policy::to_string(*decision.upstream) : std::string()},
          {"limits", std::move(limits)},
          {"record", policy::to_string(decision.record)},
          {"policies", std::move(policies)}};
}

void print_rule(const policy::RuleStep& rule, const Output& output) {
  std::string state = "does not have the function";
  if (rule.function_matches) {
    state = rule.other_reading ? "matches another reading of the path" : "matches";
    if (!rule.when.empty()) state += fmt::format(", when {}", rule.outcome);
  }
  const bool applies = rule.function_matches && (rule.outcome.empty() || rule.outcome == "true");
  const std::string line =
      fmt::format("    {:<8} {}: {}", policy::to_string(rule.action), safe(rule.rule), safe(state));
  output.out << output.paint(line, applies ? Colour::strong : Colour::faint) << '\n';
  if (!rule.function_matches) return;
  if (!rule.when.empty()) output.out << "             when " << safe(rule.when) << '\n';
  for (const auto& obligation : policy::describe(*rule.obligations))
    output.out << "             " << safe(obligation) << '\n';
}

void print(const policy::Explanation& explanation, const Output& output) {
  for (const auto& step : explanation.policies) {
    output.out << fmt::format("policy {} ({})\n", safe(step.policy), policy::to_string(step.mode));
    output.out << "  selects the caller: " << safe(step.selects)
               << (step.counts || !step.selects.starts_with("yes")
                       ? ""
                       : ", but an enforced policy counts instead")
               << '\n';
    if (step.selects.starts_with("no")) continue;
    output.out << "  target: " << (step.target.empty() ? "none of its targets" : safe(step.target)) << '\n';
    for (const auto& rule : step.rules)
      print_rule(rule, output);
  }
  const auto& decision = explanation.decision;
  const auto outcome = policy::outcome_of(decision);
  output.out << (explanation.policies.empty() ? "" : "\n")
             << "decision: " << output.paint(safe(policy::describe(decision)), colour_of(outcome)) << '\n';
  if (decision.needs_body)
    output.out << "  give the body with --body, and headers such as its content type with --header\n";
  if (!decision.trial.policy.empty()) {
    const auto rule =
        decision.trial.rule.empty() ? std::string() : fmt::format("rule {} of ", safe(decision.trial.rule));
    const std::string line =
        fmt::format("  would be denied, were observed policies enforced: by {}policy {}: {}", rule,
                    safe(decision.trial.policy), safe(decision.trial.reason));
    output.out << output.paint(line, Colour::warning) << '\n';
  }
  if (decision.verdict != policy::Verdict::allow) return;
  output.out << "  upstream: " << safe(policy::to_string(*decision.upstream)) << '\n';
  for (const auto& limit : decision.limits)
    output.out << "  limit: " << safe(policy::to_string(*limit.limit)) << '\n';
  output.out << "  record: " << safe(policy::to_string(decision.record)) << '\n';
}

int explain(const Context& context, const Options& options) {
  auto text = options.call.read();
  if (!text) return context.fail(text.error());
  const auto loaded = read_policies(context, options.files, policy::Unhonoured::accepted);
  if (!loaded) return exit_finding;
  const auto mode = options.default_mode == "enforce" ? policy::Mode::enforce : policy::Mode::observe;
  const auto engine = policy::Engine::compile(loaded->policies, mode);
  const auto explanation = text->with(true, [&](const policy::Caller& caller, const policy::Call& call) {
    return engine->explain(caller, call);
  });
  if (context.output.json) {
    context.output.out << json::serialize(to_json_object(explanation)) << '\n';
  } else {
    print(explanation, context.output);
  }
  const auto outcome = policy::outcome_of(explanation.decision);
  return outcome == policy::Expected::deny || outcome == policy::Expected::approve ? exit_finding : exit_ok;
}

}  // namespace

void add_policy_explain(CLI::App& group, Context& context) {
  auto options = std::make_shared<Options>();  // shared: with the action, which outlives this function
  auto* const command =
      group.add_subcommand("explain", "Show how a call would be decided, rule by rule, without the agent");
  options->call.add_to(*command);
  command->add_option("FILE", options->files,
                      "Policy files, or a directory; without them the agent's own directory");
  command
      ->add_option("--default-mode", options->default_mode, "What happens to callers that no policy selects")
      ->check(CLI::IsMember({"observe", "enforce"}));
  command->footer(
      "Exit status 0 where the call would pass, 1 where it would not. Obligations that this build cannot "
      "honour are shown; "
      "the agent refuses a policy with one.\n"
      "\n"
      "Examples:\n"
      "  callgate policy explain --caller checkout --process /usr/bin/python3.11 \\\n"
      "    --function \"http:GET /v1/customers/7\" --target payments.internal:8080\n"
      "  callgate policy explain --caller support-eu --function \"http:POST /v1/refunds\" \\\n"
      "    --target payments.internal:8080 --header \"Content-Type: application/json\" --body refund.json "
      "\\\n"
      "    --time 2026-11-29T11:00:00Z policies/office-hours.yaml");
  command->callback(
      [&context, options] { context.action = [&context, options] { return explain(context, *options); }; });
}

}  // namespace callgate::cli
