#include "policy/compiled.hpp"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "policy/validate.hpp"

namespace callgate::policy {
namespace {

CallPolicy checked(CallPolicy document) {
  const auto faults = validate(document);
  if (faults.empty()) return document;
  throw std::invalid_argument(fmt::format("policy {}: {}: {}", qualified_name(document),
                                          fmt::join(faults[0].path, "."), faults[0].message));
}

FunctionIndex make_function_index(const CallPolicy& document) {
  std::vector<FunctionIndex::Pattern> patterns;
  for (std::size_t i = 0; i < document.rules.size(); ++i) {
    const auto& rule = document.rules[i];
    for (const auto& text : rule.functions) {
      PatternFault fault;
      auto function = parse_function(text, fault);
      if (!function) throw std::invalid_argument(fault.message);
      patterns.push_back({std::move(*function), static_cast<std::uint32_t>(i), restricts(rule.action)});
    }
  }
  return FunctionIndex(std::move(patterns));
}

std::vector<Address> addresses_of(const std::string& host, const std::vector<ResolvedHost>& resolved) {
  std::vector<Address> found;
  if (is_ip_literal(host)) {
    const auto address = parse_address(host);
    if (address) found.push_back(*address);
    return found;
  }
  for (const auto& entry : resolved) {
    if (CanonicalHost(entry.host).view() == host) found = entry.addresses;
  }
  for (auto& address : found)
    address.port = 0;
  return found;
}

bool in_namespace(const CallPolicy& document, const Caller& caller) {
  return document.kind == Kind::cluster ||
         service_account_of(caller.identity).name_space == document.namespace_name;
}

bool subject_matches(const SubjectPattern& pattern, const Subject& subject) {
  const auto has_group = [&](const std::string& wanted) {
    return std::any_of(subject.groups.begin(), subject.groups.end(),
                       [&](const std::string& group) { return glob_matches(wanted, group); });
  };
  const auto has_claim = [&](const ClaimPattern& wanted) {
    return std::any_of(subject.claims.begin(), subject.claims.end(), [&](const auto& claim) {
      return claim.first == wanted.name && glob_matches(wanted.value, claim.second);
    });
  };
  return (!pattern.issuer || *pattern.issuer == subject.issuer) &&
         (!pattern.name || glob_matches(*pattern.name, subject.name)) &&
         (pattern.groups.empty() || std::any_of(pattern.groups.begin(), pattern.groups.end(), has_group)) &&
         std::all_of(pattern.claims.begin(), pattern.claims.end(), has_claim);
}

}  // namespace

CompiledPolicy::CompiledPolicy(CallPolicy document, const std::vector<ResolvedHost>& resolved)
    : document_(checked(std::move(document))),
      name_(qualified_name(document_)),
      functions_(make_function_index(document_)) {
  PatternFault fault;
  for (const auto& caller : document_.callers)
    identities_.push_back(caller.identity ? IdentityPattern::parse(*caller.identity, fault) : std::nullopt);
  for (std::size_t i = 0; i < document_.targets.size(); ++i) {
    auto& target = document_.targets[i];
    const auto host = target.host.empty() ? HostPattern{} : parse_host_pattern(target.host, fault);
    if (!host) throw std::invalid_argument(fault.message);
    targets_.add(*host, target.port.value_or(0), target.range, static_cast<std::uint32_t>(i));
    target.upstream.resolved.clear();
    if (target.upstream.tls == TlsRequirement::plaintext) {
      target.upstream.resolved = addresses_of(host->text, resolved);
    }
  }
  for (const auto& rule : document_.rules) {
    auto& condition = conditions_.emplace_back();
    if (rule.when.empty()) continue;
    auto compiled = Condition::compile(rule.when);
    if (const auto* why = std::get_if<ConditionFault>(&compiled)) throw std::invalid_argument(why->message);
    condition = std::get<Condition>(std::move(compiled));
  }
}

bool CompiledPolicy::workload_matches(std::size_t entry, const Caller& caller) const {
  const auto& pattern = document_.callers[entry];
  const auto account = service_account_of(caller.identity);
  return (!pattern.workload || glob_matches(*pattern.workload, caller.workload)) &&
         (!pattern.namespace_name ||
          (!account.name.empty() && glob_matches(*pattern.namespace_name, account.name_space))) &&
         (!pattern.service_account ||
          (!account.name.empty() && glob_matches(*pattern.service_account, account.name))) &&
         (!identities_[entry] || identities_[entry]->matches(caller.identity));
}

Selects CompiledPolicy::selects(const Caller& caller) const {
  auto best = Selects::no;
  if (!in_namespace(document_, caller)) return best;
  for (std::size_t i = 0; i < document_.callers.size(); ++i) {
    const auto& pattern = document_.callers[i];
    if (!workload_matches(i, caller)) continue;
    const bool process_known = !pattern.process || !caller.process.empty();
    const bool subject_known = !pattern.subject || caller.subject != nullptr;
    if (pattern.process && process_known && !glob_matches(*pattern.process, caller.process)) continue;
    if (pattern.subject && subject_known && !subject_matches(*pattern.subject, *caller.subject)) continue;
    if (process_known && subject_known) return Selects::yes;
    best = Selects::unknown;
  }
  return best;
}

bool CompiledPolicy::needs_process(const Caller& caller) const {
  if (!in_namespace(document_, caller)) return false;
  for (std::size_t i = 0; i < document_.callers.size(); ++i) {
    if (document_.callers[i].process && workload_matches(i, caller)) return true;
  }
  return std::any_of(conditions_.begin(), conditions_.end(),
                     [](const auto& condition) { return condition && condition->looks_at_process(); }) &&
         selects(caller) != Selects::no;
}

std::string_view CompiledPolicy::unknown(const Caller& caller) const {
  return caller.process.empty() && needs_process(caller) ? "process_unknown" : "subject_unknown";
}

const Target* CompiledPolicy::target_of(std::string_view canonical_host, std::uint16_t port,
                                        const Address* address) const {
  const auto found = targets_.find(canonical_host, port, address);
  return found == TargetIndex::none ? nullptr : &document_.targets[found];
}

}  // namespace callgate::policy
