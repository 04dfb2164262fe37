#include "policy/document.hpp"

#include <algorithm>
#include <charconv>
#include <set>

#include <fmt/format.h>

#include "policy/advice.hpp"
#include "policy/fields.hpp"
#include "policy/function_pattern.hpp"
#include "policy/spec_reader.hpp"
#include "policy/text_pattern.hpp"
#include "policy/validate.hpp"
#include "policy/yaml_tree.hpp"

namespace callgate::policy {
namespace {

constexpr std::size_t largest_text = 1U << 20U;

void read_metadata(const YamlNode& node, CallPolicy& policy, Findings& findings) {
  Fields fields(node, "`metadata`", {"name", "namespace", "labels", "annotations"}, {}, findings);
  policy.name = fields.text("name", true).value_or("");
  policy.namespace_name = fields.text("namespace", false).value_or("");
  const YamlNode* given = fields.get("namespace", false);
  if (given != nullptr && given->kind == YamlNode::Kind::scalar && policy.namespace_name.empty()) {
    findings.add(*given, "`namespace` is empty", "write a name, or remove it");
  }
  // What tools and people keep there says nothing to callgate.
  for (const char* name : {"labels", "annotations"}) {
    const YamlNode* map = fields.get(name, false);
    if (map != nullptr && map->kind != YamlNode::Kind::map)
      findings.add(*map, fmt::format("`{}` must be a map", name), "");
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

// Where in the file a place within a text of several words lies.
Place place_in_text(const YamlNode& node, Place within) {
  // A folded or literal text begins in the line after its indicator, and is indented by what nobody tells.
  if (node.block) return {node.line + within.line, 1};
  if (within.line > 1) return {node.line, node.column};
  return {node.line, node.column + within.column - (node.quoted ? 0 : 1)};
}

CallPolicy read_policy(const YamlNode& root, Findings& findings) {
  CallPolicy policy;
  if (root.kind == YamlNode::Kind::null) {
    findings.add(root, "the document is empty", "remove it, or write a CallPolicy");
    return policy;
  }
  const auto before = findings.errors();
  Fields fields(root, "the document", {"apiVersion", "kind", "metadata", "spec"}, {}, findings);
  static_cast<void>(fields.word<bool>("apiVersion", true, {{"callgate.dev/v1", true}}));
  policy.kind =
      fields
          .word<Kind>("kind", true, {{"CallPolicy", Kind::namespaced}, {"ClusterCallPolicy", Kind::cluster}})
          .value_or(Kind::namespaced);
  if (const YamlNode* metadata = fields.get("metadata", true)) read_metadata(*metadata, policy, findings);
  if (const YamlNode* spec = fields.get("spec", true)) read_spec(*spec, policy, findings);
  if (findings.errors() != before) return policy;
  for (const auto& fault : validate(policy)) {
    const YamlNode& node = locate(root, fault.path);
    const auto place = fault.place ? place_in_text(node, *fault.place) : Place{node.line, node.column};
    findings.add(place.line, place.column, fault.message, fault.hint);
  }
  if (findings.errors() != before) return policy;
  for (const auto& fault : advise(policy))
    findings.warn(locate(root, fault.path), fault.message, fault.hint);
  return policy;
}

}  // namespace

bool has_error(const std::vector<Finding>& findings) {
  return std::any_of(findings.begin(), findings.end(),
                     [](const Finding& finding) { return finding.severity == Finding::Severity::error; });
}

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

ParsedFile parse_policies(std::string_view text, std::string_view file, Unhonoured unhonoured) {
  Findings findings(file, unhonoured);
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
  if (findings.errors() == 0) {
    if (const auto twice = find_collision(parsed.policies)) {
      const auto& second = parsed.policies[twice->second];
      findings.add(locate(yaml.documents[twice->second], {"metadata", "name"}),
                   fmt::format("a policy `{}` is there already", qualified_name(second)),
                   "give it another name");
    }
  }
  if (findings.errors() != 0) parsed.policies.clear();
  parsed.findings = findings.take();
  return parsed;
}

}  // namespace callgate::policy
