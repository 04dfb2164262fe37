#include "policy/document.hpp"

#include <algorithm>
#include <charconv>
#include <set>

#include <fmt/format.h>

#include "policy/fields.hpp"
#include "policy/function_pattern.hpp"
#include "policy/text_pattern.hpp"
#include "policy/validate.hpp"
#include "policy/yaml_tree.hpp"

namespace callgate::policy {
namespace {

constexpr std::size_t largest_text = 1U << 20U;

CallerPattern read_caller(const YamlNode& node, Findings& findings) {
  Fields fields(node, "the caller", {"workload", "process"},
                {"serviceAccount", "namespace", "subject", "identity", "groups"}, findings);
  return {fields.text("workload", false), fields.text("process", false)};
}

Upstream read_upstream(const YamlNode& node, Findings& findings) {
  Fields fields(node, "`upstream`", {"port", "tls", "trust", "identity", "min_version"}, {"credential"},
                findings);
  Upstream upstream;
  upstream.port = fields.port("port").value_or(0);
  upstream.tls = fields
                     .word<TlsRequirement>("tls", false,
                                           {{"verified", TlsRequirement::verified},
                                            {"mutual", TlsRequirement::mutual},
                                            {"unverified", TlsRequirement::unverified},
                                            {"plaintext", TlsRequirement::plaintext}})
                     .value_or(TlsRequirement::verified);
  upstream.identity = fields.text("identity", false).value_or("");
  const YamlNode* identity = fields.get("identity", false);
  if (identity != nullptr && identity->kind == YamlNode::Kind::scalar && upstream.identity.empty()) {
    findings.add(*identity, "`identity` is empty", "write `spiffe://trust-domain/path`, or remove it");
  }
  const auto trust =
      fields.word<Trust>("trust", false, {{"system", Trust::system}, {"bundle", Trust::bundle}});
  upstream.trust = trust.value_or(upstream.identity.empty() ? Trust::system : Trust::bundle);
  upstream.allow_tls12 =
      fields.word<bool>("min_version", false, {{"1.2", true}, {"1.3", false}}).value_or(false);
  // What has no meaning beside the chosen `tls` is refused even where it says the default.
  const bool plaintext = upstream.tls == TlsRequirement::plaintext;
  if (plaintext || upstream.tls == TlsRequirement::unverified) {
    for (const char* name : {"trust", "identity", "min_version"}) {
      const bool fits_unverified = std::string_view(name) == "min_version";
      const YamlNode* field = fields.get(name, false);
      if (field == nullptr || (!plaintext && fits_unverified)) continue;
      findings.add(
          *field,
          fmt::format("`{}` has no meaning with `tls: {}`", name, plaintext ? "plaintext" : "unverified"),
          fmt::format("remove `{}`, or write `tls: verified`", name));
    }
  }
  return upstream;
}

Target read_target(const YamlNode& node, Findings& findings) {
  Fields fields(node, "the target", {"host", "port", "protocol", "upstream"},
                {"cidr", "identity", "credential"}, findings);
  Target target;
  target.host = fields.text("host", true).value_or("");
  target.port = fields.port("port");
  target.protocol =
      fields.word<Protocol>("protocol", false, {{"detect", Protocol::detect}, {"opaque", Protocol::opaque}})
          .value_or(Protocol::detect);
  if (const YamlNode* upstream = fields.get("upstream", false))
    target.upstream = read_upstream(*upstream, findings);
  return target;
}

Rule read_rule(const YamlNode& node, Findings& findings) {
  Fields fields(node, "the rule", {"name", "functions", "action", "reason"},
                {"when", "approval", "mask", "credential", "limit", "record"}, findings);
  Rule rule;
  rule.name = fields.text("name", true).value_or("");
  for (const auto& function : fields.list("functions")) {
    if (auto text = read_text(function, "the function", findings)) rule.functions.push_back(std::move(*text));
  }
  rule.action =
      fields.word<Action>("action", true, {{"allow", Action::allow}, {"deny", Action::deny}}, {"approve"})
          .value_or(Action::deny);
  rule.reason = fields.text("reason", false).value_or("");
  return rule;
}

RecordRequirement read_record(const YamlNode& node, Findings& findings) {
  Fields fields(node, "`record`", {"payloads", "limit", "durability"}, {"retain"}, findings);
  RecordRequirement record;
  record.payloads = fields.word<bool>("payloads", false, {{"full", true}, {"none", false}}).value_or(true);
  record.payload_limit = fields.size("limit").value_or(record.payload_limit);
  if (const YamlNode* limit = fields.get("limit", false); limit != nullptr && !record.payloads) {
    findings.add(*limit, "`limit` has no meaning with `payloads: none`", "remove one of them");
  }
  static_cast<void>(fields.word<bool>("durability", false, {{"written", true}}, {"synced", "async"}));
  return record;
}

void read_metadata(const YamlNode& node, CallPolicy& policy, Findings& findings) {
  Fields fields(node, "`metadata`", {"name", "namespace"}, {"labels", "annotations"}, findings);
  policy.name = fields.text("name", true).value_or("");
  policy.namespace_name = fields.text("namespace", false).value_or("");
  const YamlNode* given = fields.get("namespace", false);
  if (given != nullptr && given->kind == YamlNode::Kind::scalar && policy.namespace_name.empty()) {
    findings.add(*given, "`namespace` is empty", "write a name, or remove it");
  }
}

void read_spec(const YamlNode& node, CallPolicy& policy, Findings& findings) {
  Fields fields(node, "`spec`", {"mode", "callers", "targets", "rules", "record"}, {}, findings);
  policy.mode = fields.word<Mode>("mode", false, {{"enforce", Mode::enforce}, {"observe", Mode::observe}})
                    .value_or(Mode::enforce);
  for (const auto& item : fields.list("callers"))
    policy.callers.push_back(read_caller(item, findings));
  for (const auto& item : fields.list("targets"))
    policy.targets.push_back(read_target(item, findings));
  for (const auto& item : fields.list("rules"))
    policy.rules.push_back(read_rule(item, findings));
  if (const YamlNode* record = fields.get("record", false)) policy.record = read_record(*record, findings);
}

bool matches_opaque(const Rule& rule) {
  return std::any_of(rule.functions.begin(), rule.functions.end(), [](const std::string& text) {
    PatternFault fault;
    const auto function = parse_function(text, fault);
    return function && (function->kind == FunctionPattern::Kind::tcp_connect ||
                        function->kind == FunctionPattern::Kind::any);
  });
}

// The deepest node on a path of field names and indexes.
const YamlNode& locate(const YamlNode& root, const FieldPath& path) {
  const YamlNode* at = &root;
  for (const auto& step : path) {
    const YamlNode* next = nullptr;
    if (at->kind == YamlNode::Kind::map) {
      next = at->find(step);
    } else if (at->kind == YamlNode::Kind::sequence) {
      std::size_t index = at->items.size();
      std::from_chars(step.data(), step.data() + step.size(), index);
      if (index < at->items.size()) next = &at->items[index];
    }
    if (next == nullptr) break;
    at = next;
  }
  return *at;
}

CallPolicy read_policy(const YamlNode& root, Findings& findings) {
  CallPolicy policy;
  if (root.kind == YamlNode::Kind::null) {
    findings.add(root, "the document is empty", "remove it, or write a CallPolicy");
    return policy;
  }
  const auto before = findings.size();
  Fields fields(root, "the document", {"apiVersion", "kind", "metadata", "spec"}, {}, findings);
  static_cast<void>(fields.word<bool>("apiVersion", true, {{"callgate.dev/v1", true}}));
  static_cast<void>(fields.word<bool>("kind", true, {{"CallPolicy", true}}, {"ClusterCallPolicy"}));
  if (const YamlNode* metadata = fields.get("metadata", true)) read_metadata(*metadata, policy, findings);
  if (const YamlNode* spec = fields.get("spec", true)) read_spec(*spec, policy, findings);
  if (findings.size() != before) return policy;
  for (const auto& fault : validate(policy))
    findings.add(locate(root, fault.path), fault.message, fault.hint);
  return policy;
}

}  // namespace

std::string qualified_name(const CallPolicy& policy) {
  return policy.namespace_name.empty() ? policy.name : policy.namespace_name + "/" + policy.name;
}

std::vector<std::string> hosts_to_resolve(const std::vector<CallPolicy>& policies) {
  std::set<std::string> hosts;
  for (const auto& policy : policies) {
    const bool opaque = std::any_of(policy.rules.begin(), policy.rules.end(), matches_opaque);
    for (const auto& target : policy.targets) {
      if (!opaque && target.upstream.tls != TlsRequirement::plaintext) continue;
      PatternFault fault;
      const auto host = parse_host_pattern(target.host, fault);
      if (!host || host->kind != HostPattern::Kind::exact || is_ip_literal(target.host)) continue;
      hosts.insert(host->text);
    }
  }
  return {hosts.begin(), hosts.end()};
}

ParsedFile parse_policies(std::string_view text, std::string_view file) {
  Findings findings(file);
  const YamlText yaml = read_yaml(text, largest_text);
  for (const auto& fault : yaml.faults)
    findings.add(fault.line, fault.column, fault.message, fault.hint);
  ParsedFile parsed;
  for (const auto& document : yaml.documents)
    parsed.policies.push_back(read_policy(document, findings));
  if (yaml.documents.empty() && yaml.faults.empty()) {
    findings.add(1, 1, "the file holds no policy",
                 "write a document that begins with `apiVersion: callgate.dev/v1`");
  }
  if (findings.size() == 0) {
    if (const auto twice = find_collision(parsed.policies)) {
      const auto& second = parsed.policies[twice->second];
      findings.add(locate(yaml.documents[twice->second], {"metadata", "name"}),
                   fmt::format("a policy `{}` is there already", qualified_name(second)),
                   "give it another name");
    }
  }
  if (findings.size() != 0) parsed.policies.clear();
  parsed.findings = findings.take();
  return parsed;
}

}  // namespace callgate::policy
