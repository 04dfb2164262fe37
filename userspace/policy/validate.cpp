#include "policy/validate.hpp"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "policy/function_pattern.hpp"
#include "policy/text_pattern.hpp"
#include "policy/utf8.hpp"

namespace callgate::policy {
namespace {

constexpr std::size_t longest_label = 63;
constexpr std::size_t longest_glob = 1024;
constexpr std::size_t longest_reason = 256;
constexpr std::size_t longest_identity = 2048;

bool is_label(std::string_view text) {
  const auto good = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  return !text.empty() && text.size() <= longest_label && text.front() != '-' && text.back() != '-' &&
         std::all_of(text.begin(), text.end(), good);
}

bool is_plain_text(std::string_view text) {
  return is_utf8(text) && std::none_of(text.begin(), text.end(), [](char c) {
           return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
         });
}

// SPIFFE-ID standard, section 2.
bool is_spiffe_id(std::string_view text) {
  constexpr std::string_view scheme = "spiffe://";
  if (!text.starts_with(scheme) || text.size() > longest_identity) return false;
  text.remove_prefix(scheme.size());
  const auto domain = text.substr(0, text.find('/'));
  const auto common = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
  };
  if (domain.empty() || domain.size() > 255 || !std::all_of(domain.begin(), domain.end(), common))
    return false;
  for (auto start = domain.size(); start < text.size();) {
    const auto end = std::min(text.find('/', start + 1), text.size());
    const auto segment = text.substr(start + 1, end - start - 1);
    if (segment.empty() || segment == "." || segment == "..") return false;
    if (!std::all_of(segment.begin(), segment.end(),
                     [&](char c) { return common(c) || (c >= 'A' && c <= 'Z'); })) {
      return false;
    }
    start = end;
  }
  return true;
}

class Validator {
 public:
  explicit Validator(const CallPolicy& policy) : policy_(policy) {}

  std::vector<Fault> run() {
    label({"metadata", "name"}, "name", policy_.name);
    if (!policy_.namespace_name.empty())
      label({"metadata", "namespace"}, "namespace", policy_.namespace_name);
    callers();
    targets();
    rules();
    return std::move(faults_);
  }

 private:
  void fault(FieldPath path, std::string message, std::string hint) {
    faults_.push_back({std::move(path), std::move(message), std::move(hint)});
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

  void callers() {
    if (!list("callers", {"spec", "callers"}, policy_.callers.size())) return;
    for (std::size_t i = 0; i < policy_.callers.size(); ++i) {
      const auto& caller = policy_.callers[i];
      const FieldPath at{"spec", "callers", std::to_string(i)};
      if (!caller.workload && !caller.process) {
        fault(at, "the caller has no field",
              "write `workload`, `process` or both; `workload: \"*\"` is everyone");
      }
      glob({"spec", "callers", std::to_string(i), "workload"}, caller.workload);
      glob({"spec", "callers", std::to_string(i), "process"}, caller.process);
      if (caller.process && !caller.process->starts_with('/') && !caller.process->starts_with('*')) {
        fault({"spec", "callers", std::to_string(i), "process"}, "`process` is not an absolute path",
              fmt::format("write the whole path, or `*/{}`", *caller.process));
      }
    }
  }

  void targets() {
    if (!list("targets", {"spec", "targets"}, policy_.targets.size())) return;
    std::set<std::pair<std::string, std::uint16_t>> seen;
    for (std::size_t i = 0; i < policy_.targets.size(); ++i) {
      const auto& target = policy_.targets[i];
      const FieldPath at{"spec", "targets", std::to_string(i)};
      PatternFault why;
      const auto host = parse_host_pattern(target.host, why);
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
      const auto key = std::to_string(static_cast<int>(host->kind)) + host->text;
      if (!seen.emplace(key, target.port.value_or(0)).second) {
        fault(at, fmt::format("the target `{}` is there twice with the same port", target.host),
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
      if (!list("functions", {"spec", "rules", index, "functions"}, rule.functions.size())) continue;
      for (std::size_t f = 0; f < rule.functions.size(); ++f) {
        PatternFault why;
        if (parse_function(rule.functions[f], why)) continue;
        fault({"spec", "rules", index, "functions", std::to_string(f)}, why.message, why.hint);
      }
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
