// What rules say: functions, action, condition, obligations.
#include <algorithm>

#include <fmt/format.h>

#include "policy/spec_reader.hpp"

namespace callgate::policy {
namespace {

Approval read_approval(const YamlNode& node, Findings& findings) {
  Fields fields(node, "`approval`", {"approvers", "count", "hold", "grant"}, {}, findings);
  Approval approval;
  approval.approvers = fields.texts("approvers", true);
  if (const auto count = fields.count("count")) {
    approval.count = static_cast<std::uint32_t>(std::min<std::uint64_t>(*count, ~0U));
  }
  approval.hold = fields.duration("hold", false).value_or(approval.hold);
  approval.grant = fields.duration("grant", false).value_or(approval.grant);
  return approval;
}

Mask read_mask(const YamlNode& node, Findings& findings) {
  Fields fields(node, "the mask", {"detect", "json", "header"}, {}, findings);
  return {fields.texts("detect", false), fields.text("json", false).value_or(""),
          fields.text("header", false).value_or("")};
}

CredentialUse read_credential(const YamlNode& node, Findings& findings) {
  Fields fields(node, "`credential`", {"from", "header", "format"}, {}, findings);
  return {fields.text("from", true).value_or(""), fields.text("header", true).value_or(""),
          fields.text("format", false).value_or("{secret}")};
}

std::optional<LimitKey> read_limit_key(const YamlNode& node, Findings& findings) {
  const auto text = read_text(node, "`by`", findings);
  if (!text) return std::nullopt;
  if (*text == "caller.id") return LimitKey::caller;
  if (*text == "caller.process") return LimitKey::process;
  if (*text == "caller.subject") return LimitKey::subject;
  if (*text == "function") return LimitKey::function;
  if (*text == "target") return LimitKey::target;
  findings.add(node, fmt::format("calls cannot be counted by `{}`", *text),
               "known here: `caller.id`, `caller.process`, `caller.subject`, `function`, `target`");
  return std::nullopt;
}

Limit read_limit(const YamlNode& node, Findings& findings) {
  Fields fields(node, "`limit`", {"calls", "bytes", "per", "by"}, {}, findings);
  Limit limit;
  limit.calls = fields.count("calls");
  limit.bytes = fields.size("bytes");
  limit.per = fields.duration("per", true).value_or(limit.per);
  if (const YamlNode* by = fields.get("by", false)) {
    const bool several = by->kind == YamlNode::Kind::sequence;
    const auto nodes = several ? fields.list("by") : std::span(by, 1);
    for (const auto& key : nodes) {
      if (const auto read = read_limit_key(key, findings)) limit.by.push_back(*read);
    }
    std::sort(limit.by.begin(), limit.by.end());
    limit.by.erase(std::unique(limit.by.begin(), limit.by.end()), limit.by.end());
  }
  return limit;
}

// One element, or a list of them.
template <typename Read>
void read_each(const YamlNode& node, Fields& fields, std::string_view name, Read read) {
  if (node.kind != YamlNode::Kind::sequence) {
    read(node);
    return;
  }
  for (const auto& item : fields.list(name))
    read(item);
}

void read_obligations(Fields& fields, Obligations& obligations, Findings& findings) {
  if (const YamlNode* approval = fields.get("approval", false))
    obligations.approval = read_approval(*approval, findings);
  if (const YamlNode* mask = fields.get("mask", false)) {
    for (const auto& item : fields.list("mask"))
      obligations.masks.push_back(read_mask(item, findings));
    findings.add_unhonoured(*mask, "mask");
  }
  if (const YamlNode* credential = fields.get("credential", false)) {
    obligations.credential = read_credential(*credential, findings);
    findings.add_unhonoured(*credential, "credential");
  }
  if (const YamlNode* limit = fields.get("limit", false)) {
    read_each(*limit, fields, "limit",
              [&](const YamlNode& item) { obligations.limits.push_back(read_limit(item, findings)); });
  }
  if (const YamlNode* record = fields.get("record", false))
    obligations.record = read_record(*record, findings);
}

}  // namespace

Rule read_rule(const YamlNode& node, Findings& findings) {
  Fields fields(
      node, "the rule",
      {"name", "functions", "when", "action", "reason", "approval", "mask", "credential", "limit", "record"},
      {}, findings);
  Rule rule;
  rule.name = fields.text("name", true).value_or("");
  rule.functions = fields.texts("functions", true);
  rule.action =
      fields
          .word<Action>("action", true,
                        {{"allow", Action::allow}, {"deny", Action::deny}, {"approve", Action::approve}})
          .value_or(Action::deny);
  rule.reason = fields.text("reason", false).value_or("");
  rule.when = fields.text("when", false).value_or("");
  if (const YamlNode* when = fields.get("when", false);
      when != nullptr && when->kind == YamlNode::Kind::scalar && rule.when.empty()) {
    findings.add(*when, "`when` is empty", "write a condition, or remove it");
  }
  read_obligations(fields, rule.obligations, findings);
  return rule;
}

RecordRequirement read_record(const YamlNode& node, Findings& findings) {
  Fields fields(node, "`record`", {"payloads", "limit", "durability", "retain"}, {}, findings);
  RecordRequirement record;
  record.payloads = fields.word<bool>("payloads", false, {{"full", true}, {"none", false}}).value_or(true);
  record.payload_limit = fields.size("limit").value_or(record.payload_limit);
  if (const YamlNode* limit = fields.get("limit", false); limit != nullptr && !record.payloads) {
    findings.add(*limit, "`limit` has no meaning with `payloads: none`", "remove one of them");
  }
  record.durability = fields
                          .word<Durability>("durability", false,
                                            {{"written", Durability::written},
                                             {"synced", Durability::synced},
                                             {"async", Durability::async}})
                          .value_or(record.durability);
  record.retain = fields.duration("retain", false).value_or(record.retain);
  return record;
}

}  // namespace callgate::policy
