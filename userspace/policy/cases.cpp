#include "policy/cases.hpp"

#include <fmt/format.h>

#include "policy/fields.hpp"
#include "policy/yaml_tree.hpp"

namespace callgate::policy {
namespace {

constexpr std::size_t largest_text = 1U << 20U;

std::vector<std::pair<std::string, std::string>> read_pairs(const YamlNode& node, std::string_view what,
                                                            Findings& findings) {
  std::vector<std::pair<std::string, std::string>> pairs;
  if (node.kind != YamlNode::Kind::map)
    findings.add(node, fmt::format("`{}` must be a map", what), "write {name: value}");
  for (std::size_t i = 0; i < node.keys.size(); ++i) {
    if (auto value = read_text(node.items[i], what, findings))
      pairs.emplace_back(node.keys[i].text, std::move(*value));
  }
  return pairs;
}

void read_subject(const YamlNode& node, CallText& text, Findings& findings) {
  Fields fields(node, "`subject`", {"issuer", "name", "groups", "claims"}, {}, findings);
  text.issuer = fields.text("issuer", false).value_or("");
  text.subject_name = fields.text("name", false).value_or("");
  text.groups = fields.texts("groups", false);
  if (const YamlNode* claims = fields.get("claims", false))
    text.claims = read_pairs(*claims, "claims", findings);
}

CallCase read_case(const YamlNode& node, Findings& findings) {
  Fields fields(node, "the case",
                {"name", "workload", "identity", "process", "subject", "call", "target", "headers", "body",
                 "time", "expect", "policy", "rule", "reason"},
                {}, findings);
  CallCase item;
  item.line = node.line;
  CallText& text = item.text;
  text.workload = fields.text("workload", true).value_or("");
  text.identity = fields.text("identity", false).value_or("");
  text.process = fields.text("process", false).value_or("");
  if (const YamlNode* subject = fields.get("subject", false)) read_subject(*subject, text, findings);
  const auto call = fields.text("call", true).value_or("");
  item.name = fields.text("name", false).value_or(call);
  if (const YamlNode* at = fields.get("call", false); at != nullptr && !call.empty()) {
    const auto set = text.set_call(call, fields.text("target", false).value_or(""));
    if (!set) findings.add(*at, set.error().message, "");
  }
  if (const YamlNode* headers = fields.get("headers", false))
    text.headers = read_pairs(*headers, "headers", findings);
  text.body = fields.text("body", false);
  if (const auto time = fields.text("time", false)) {
    const auto parsed = parse_time(*time);
    if (!parsed) findings.add(*fields.get("time", true), parsed.error().message, "");
    if (parsed) text.time_ns = *parsed;
  }
  item.expected = fields
                      .word<Expected>("expect", true,
                                      {{"allow", Expected::allow},
                                       {"deny", Expected::deny},
                                       {"approve", Expected::approve},
                                       {"observe", Expected::observe}})
                      .value_or(Expected::deny);
  item.policy = fields.text("policy", false);
  item.rule = fields.text("rule", false);
  item.reason = fields.text("reason", false);
  if (!item.policy && !item.rule && !item.reason && fields.is_map()) {
    findings.add(node, "the case does not say why",
                 "add `policy`, `rule` or `reason`: a call can be denied for a reason that was not meant");
  }
  return item;
}

}  // namespace

CaseFile parse_cases(std::string_view text, std::string_view file) {
  CaseFile parsed;
  Findings findings(file);
  const YamlText yaml = read_yaml(text, largest_text);
  for (const auto& fault : yaml.faults)
    findings.add(fault.line, fault.column, fault.message, fault.hint);
  if (yaml.faults.empty() && yaml.documents.size() != 1) {
    findings.add(1, 1, "a file of cases is one document", "write `policies`, `default_mode` and `cases`");
  }
  for (const auto& document : yaml.documents) {
    Fields fields(document, "the file", {"policies", "default_mode", "cases"}, {}, findings);
    parsed.policies = fields.texts("policies", true);
    parsed.default_mode =
        fields.word<Mode>("default_mode", false, {{"observe", Mode::observe}, {"enforce", Mode::enforce}})
            .value_or(Mode::observe);
    for (const auto& node : fields.list("cases"))
      parsed.cases.push_back(read_case(node, findings));
  }
  if (findings.errors() != 0) parsed.cases.clear();
  parsed.findings = findings.take();
  return parsed;
}

Decision decide_case(const Engine& engine, const CallText& text) {
  const auto ask = [&](bool sent) {
    return text.with(sent,
                     [&](const Caller& caller, const Call& call) { return engine.decide(caller, call); });
  };
  auto decision = ask(false);
  if (decision.needs_body) decision = ask(true);
  return decision;
}

Expected outcome_of(const Decision& decision) {
  if (!decision.enforced) return Expected::observe;
  if (decision.needs_approval) return Expected::approve;
  return decision.verdict == Verdict::allow ? Expected::allow : Expected::deny;
}

std::string_view to_string(Expected outcome) {
  switch (outcome) {
    case Expected::allow:
      return "allow";
    case Expected::deny:
      return "deny";
    case Expected::approve:
      return "approve";
    case Expected::observe:
      return "observe";
  }
  return "deny";
}

std::string describe(const Decision& decision) {
  std::string text(to_string(outcome_of(decision)));
  if (!decision.rule.empty()) {
    text += fmt::format(" by rule {} of policy {}", decision.rule, decision.policy);
  } else if (!decision.policy.empty()) {
    text += fmt::format(" by policy {}", decision.policy);
  }
  text += fmt::format(": {}", decision.reason);
  if (!decision.fault.empty() && decision.fault != decision.reason)
    text += fmt::format(" ({})", decision.fault);
  return text;
}

std::optional<std::string> mismatch(const CallCase& item, const Decision& decision) {
  const bool same = outcome_of(decision) == item.expected &&
                    (!item.policy || *item.policy == decision.policy) &&
                    (!item.rule || *item.rule == decision.rule) &&
                    (!item.reason || *item.reason == decision.reason || *item.reason == decision.fault);
  if (same) return std::nullopt;
  std::string wanted(to_string(item.expected));
  if (item.rule) wanted += fmt::format(" by rule {}", *item.rule);
  if (item.policy) wanted += fmt::format(" of policy {}", *item.policy);
  if (item.reason) wanted += fmt::format(": {}", *item.reason);
  return fmt::format("expected {}, decided {}", wanted, describe(decision));
}

}  // namespace callgate::policy
