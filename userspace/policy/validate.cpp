#include "policy/validate.hpp"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "policy/condition.hpp"
#include "policy/function_pattern.hpp"
#include "policy/identity_pattern.hpp"
#include "policy/text_pattern.hpp"
#include "policy/utf8.hpp"
#include "policy/validate_obligations.hpp"

namespace callgate::policy {
namespace {

constexpr std::size_t longest_label = 63;
constexpr std::size_t longest_glob = 1024;
constexpr std::size_t longest_reason = 256;
constexpr std::size_t longest_claim = 256;

bool is_label(std::string_view text) {
  const auto good = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  return !text.empty() && text.size() <= longest_label && text.front() != '-' && text.back() != '-' &&
         std::all_of(text.begin(), text.end(), good);
}

class Validator {
 public:
  explicit Validator(const CallPolicy& policy) : policy_(policy) {}

  std::vector<Fault> run() {
    label({"metadata", "name"}, "name", policy_.name);
    name_space();
    callers();
    targets();
    rules();
    return std::move(faults_);
  }

 private:
  void fault(FieldPath path, std::string message, std::string hint) {
    faults_.push_back({std::move(path), std::move(message), std::move(hint), {}});
  }

  void label(FieldPath path, std::string_view what, std::string_view text) {
    if (is_label(text)) return;
    fault(std::move(path), fmt::format("the {} is not a DNS label", what),
          "write 1 to 63 lower-case letters, digits and `-`, a letter or digit at either end");
  }

  // A list that must say something: an empty one never means everything.
  bool list(std::string_view name, FieldPath path, std::size_t size) {
    if (size != 0) return true;
    fault(std::move(path), fmt::format("`{}` is empty, which selects nothing", name),
          "name at least one; where everything is meant, write \"*\"");
    return false;
  }

  void glob(FieldPath path, const std::optional<std::string>& text) {
    if (!text || (!text->empty() && text->size() <= longest_glob && is_plain_text(*text))) return;
    fault(std::move(path), "the pattern is empty, longer than 1024 bytes, or has control characters",
          "write a name in which `*` stands for any run of characters");
  }

  void name_space() {
    if (policy_.namespace_name.empty()) return;
    label({"metadata", "namespace"}, "namespace", policy_.namespace_name);
    if (policy_.kind != Kind::cluster) return;
    fault({"metadata", "namespace"}, "a ClusterCallPolicy has no namespace",
          "remove it, or write `kind: CallPolicy`");
  }

  void callers() {
    if (!list("callers", {"spec", "callers"}, policy_.callers.size())) return;
    for (std::size_t i = 0; i < policy_.callers.size(); ++i) {
      const auto& caller = policy_.callers[i];
      const FieldPath at{"spec", "callers", std::to_string(i)};
      const auto field = [&](const char* name) { return FieldPath{at[0], at[1], at[2], name}; };
      if (caller == CallerPattern{}) {
        fault(at, "the caller has no field",
              "write `workload`, `namespace`, `serviceAccount`, `identity`, `process` or `subject`; "
              "`workload: \"*\"` is everyone");
      }
      glob(field("workload"), caller.workload);
      glob(field("namespace"), caller.namespace_name);
      glob(field("serviceAccount"), caller.service_account);
      glob(field("process"), caller.process);
      if (caller.process && !caller.process->starts_with('/') && !caller.process->starts_with('*')) {
        fault(field("process"), "`process` is not an absolute path",
              fmt::format("write the whole path, or `*/{}`", *caller.process));
      }
      if (PatternFault why; caller.identity && !IdentityPattern::parse(*caller.identity, why)) {
        fault(field("identity"), why.message, why.hint);
      }
      if (caller.subject) subject(field("subject"), *caller.subject);
    }
  }

  void subject(const FieldPath& at, const SubjectPattern& subject) {
    if (subject == SubjectPattern{}) {
      fault(at, "the subject has no field", "write `issuer`, `name`, `groups` or `claims`");
    }
    const auto field = [&](const char* name) {
      FieldPath path = at;
      path.emplace_back(name);
      return path;
    };
    glob(field("issuer"), subject.issuer);
    if (subject.issuer && subject.issuer->find('*') != std::string::npos) {
      fault(field("issuer"), "an issuer is compared whole", "write the issuer as its tokens do, without `*`");
    }
    glob(field("name"), subject.name);
    for (const auto& group : subject.groups)
      glob(field("groups"), group);
    for (const auto& claim : subject.claims) {
      if (claim.name.empty() || claim.name.size() > longest_claim || !is_plain_text(claim.name)) {
        fault(field("claims"), "a claim has no usable name", "write the name as tokens have it");
      }
      glob(field("claims"), claim.value);
    }
  }

  void targets() {
    if (!list("targets", {"spec", "targets"}, policy_.targets.size())) return;
    std::set<std::string> seen;
    const bool denies = std::any_of(policy_.rules.begin(), policy_.rules.end(),
                                    [](const Rule& r) { return r.action == Action::deny; });
    for (std::size_t i = 0; i < policy_.targets.size(); ++i) {
      const auto& target = policy_.targets[i];
      const FieldPath at{"spec", "targets", std::to_string(i)};
      PatternFault why;
      std::optional<HostPattern> host = HostPattern{};
      if (!target.host.empty()) {
        host = parse_host_pattern(target.host, why);
      } else if (!target.range && target.upstream.identity.empty()) {
        host = std::nullopt;
        why = {"the target has no `host`, `cidr` or `identity`", "write at least one; any host is \"*\""};
      } else if (!target.range && denies) {
        fault(at, "a deny rule cannot depend on what a target proves after the decision",
              "name the target by `host` or `cidr`, or put the deny rules into a policy of their own");
      }
      if (!host) {
        fault({at[0], at[1], at[2], "host"}, why.message, why.hint);
        continue;
      }
      if (target.port && *target.port == 0) {
        fault({at[0], at[1], at[2], "port"}, "port 0 is no port", "leave `port` out for any port");
      }
      if (target.protocol == Protocol::opaque && !target.port) {
        fault({at[0], at[1], at[2], "protocol"}, "`protocol: opaque` needs a port",
              "write `port`: what is opaque on one port may be HTTP on another");
      }
      const auto key = fmt::format("{} {} {} {}", static_cast<int>(host->kind), host->text,
                                   target.range ? target.range->text() : "", target.port.value_or(0));
      if (!seen.insert(key).second) {
        fault(at,
              fmt::format("the target `{}` is there twice with the same port",
                          target.host.empty() && target.range ? target.range->text() : target.host),
              "keep one of them");
      }
      upstream(at, target.upstream, *host);
    }
  }

  void upstream(const FieldPath& target, const Upstream& upstream, const HostPattern& host) {
    const auto at = [&](const char* field) {
      return FieldPath{target[0], target[1], target[2], "upstream", field};
    };
    const bool has_identity = !upstream.identity.empty();
    if (has_identity && !is_spiffe_id(upstream.identity)) {
      fault(at("identity"), "`identity` is not a SPIFFE ID",
            "write `spiffe://trust-domain/path`, without wildcards");
    }
    if (upstream.tls == TlsRequirement::plaintext) {
      if (has_identity)
        fault(at("identity"), "a plaintext target proves no identity", "remove `identity`, or ask for TLS");
      if (upstream.allow_tls12)
        fault(at("min_version"), "a plaintext target has no TLS version", "remove `min_version`");
      if (upstream.trust != Trust::system)
        fault(at("trust"), "a plaintext target has no certificate", "remove `trust`");
      if (host.kind != HostPattern::Kind::exact) {
        fault(at("tls"), "`plaintext` needs an exact host",
              "list the plaintext hosts one by one, without `*`");
      }
      return;
    }
    if (upstream.tls == TlsRequirement::unverified) {
      if (has_identity) {
        fault(at("identity"), "an unverified target proves no identity",
              "remove `identity`, or write `tls: verified`");
      } else if (upstream.trust != Trust::system) {
        fault(at("trust"), "an unverified target needs no trust", "remove `trust`, or write `tls: verified`");
      }
      return;
    }
    if (has_identity && upstream.trust != Trust::bundle) {
      fault(at("trust"), "`identity` is proved by the trust bundle, not by the system's authorities",
            "remove `trust`, or write `trust: bundle`");
    }
  }

  void rules() {
    if (!list("rules", {"spec", "rules"}, policy_.rules.size())) return;
    std::set<std::string_view> names;
    for (std::size_t i = 0; i < policy_.rules.size(); ++i) {
      const auto& rule = policy_.rules[i];
      const auto index = std::to_string(i);
      label({"spec", "rules", index, "name"}, "rule's name", rule.name);
      if (!names.insert(rule.name).second) {
        fault({"spec", "rules", index, "name"}, fmt::format("the rule `{}` is there twice", rule.name),
              "give each rule a name of its own: decisions are reported by it");
      }
      if (rule.reason.size() > longest_reason || !is_plain_text(rule.reason)) {
        fault({"spec", "rules", index, "reason"},
              "the reason is longer than 256 bytes or not one line of text",
              "write one short sentence for the caller");
      }
      condition({"spec", "rules", index, "when"}, rule.when);
      for (auto& found : validate_obligations(rule, {"spec", "rules", index}))
        faults_.push_back(std::move(found));
      if (!list("functions", {"spec", "rules", index, "functions"}, rule.functions.size())) continue;
      for (std::size_t f = 0; f < rule.functions.size(); ++f) {
        PatternFault why;
        if (parse_function(rule.functions[f], why)) continue;
        fault({"spec", "rules", index, "functions", std::to_string(f)}, why.message, why.hint);
      }
    }
  }

  void condition(FieldPath path, const std::string& source) {
    if (source.empty()) return;
    auto compiled = Condition::compile(source);
    if (const auto* why = std::get_if<ConditionFault>(&compiled)) {
      faults_.push_back({std::move(path), why->message, why->hint, Place{why->line, why->column}});
    }
  }

  const CallPolicy& policy_;
  std::vector<Fault> faults_;
};

}  // namespace

std::vector<Fault> validate(const CallPolicy& policy) {
  return Validator(policy).run();
}

std::optional<Collision> find_collision(const std::vector<CallPolicy>& policies) {
  std::map<std::string, std::size_t> seen;
  for (std::size_t i = 0; i < policies.size(); ++i) {
    const auto [at, fresh] = seen.emplace(qualified_name(policies[i]), i);
    if (!fresh) return Collision{at->second, i};
  }
  return std::nullopt;
}

}  // namespace callgate::policy
