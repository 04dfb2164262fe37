// Whose calls and where to: callers and targets.
#include <fmt/format.h>

#include "policy/spec_reader.hpp"

namespace callgate::policy {
namespace {

std::vector<ClaimPattern> read_claims(const YamlNode& node, Findings& findings) {
  std::vector<ClaimPattern> claims;
  if (node.kind != YamlNode::Kind::map || node.keys.empty()) {
    findings.add(node, "`claims` must be a map of at least one claim", "write {name: value}");
    return claims;
  }
  for (std::size_t i = 0; i < node.keys.size(); ++i) {
    if (auto value = read_text(node.items[i], "the claim", findings))
      claims.push_back({node.keys[i].text, std::move(*value)});
  }
  return claims;
}

SubjectPattern read_subject(const YamlNode& node, Findings& findings) {
  Fields fields(node, "`subject`", {"issuer", "name", "groups", "claims"}, {}, findings);
  SubjectPattern subject;
  subject.issuer = fields.text("issuer", false);
  subject.name = fields.text("name", false);
  subject.groups = fields.texts("groups", false);
  if (const YamlNode* claims = fields.get("claims", false)) subject.claims = read_claims(*claims, findings);
  return subject;
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

}  // namespace

CallerPattern read_caller(const YamlNode& node, Findings& findings) {
  Fields fields(node, "the caller",
                {"workload", "namespace", "serviceAccount", "identity", "process", "subject"}, {}, findings);
  CallerPattern caller;
  caller.workload = fields.text("workload", false);
  caller.namespace_name = fields.text("namespace", false);
  caller.service_account = fields.text("serviceAccount", false);
  caller.identity = fields.text("identity", false);
  caller.process = fields.text("process", false);
  if (const YamlNode* subject = fields.get("subject", false))
    caller.subject = read_subject(*subject, findings);
  return caller;
}

Target read_target(const YamlNode& node, Findings& findings) {
  Fields fields(node, "the target", {"host", "cidr", "identity", "port", "protocol", "upstream"},
                {"credential"}, findings);
  Target target;
  const YamlNode* identity = fields.get("identity", false);
  const YamlNode* range = fields.get("cidr", false);
  target.host = fields.text("host", identity == nullptr && range == nullptr).value_or("");
  if (const YamlNode* host = fields.get("host", false);
      host != nullptr && host->kind == YamlNode::Kind::scalar && target.host.empty()) {
    findings.add(*host, "`host` is empty", "write a name, or \"*\" for any");
  }
  target.port = fields.port("port");
  target.protocol =
      fields.word<Protocol>("protocol", false, {{"detect", Protocol::detect}, {"opaque", Protocol::opaque}})
          .value_or(Protocol::detect);
  if (const auto text = fields.text("cidr", false)) {
    PatternFault fault;
    target.range = AddressRange::parse(*text, fault);
    if (!target.range) findings.add(*range, fault.message, fault.hint);
  }
  if (const YamlNode* upstream = fields.get("upstream", false))
    target.upstream = read_upstream(*upstream, findings);
  // `identity` beside `host` is short for that of `upstream`: who the target must prove to be.
  if (const auto text = fields.text("identity", false)) {
    if (!target.upstream.identity.empty() && target.upstream.identity != *text) {
      findings.add(*identity, "`identity` and `upstream.identity` differ", "keep one of them");
    } else if (text->empty()) {
      findings.add(*identity, "`identity` is empty", "write `spiffe://trust-domain/path`, or remove it");
    }
    target.upstream.identity = *text;
    target.upstream.trust = Trust::bundle;
  }
  return target;
}

}  // namespace callgate::policy
