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
      patterns.push_back({std::move(*function), static_cast<std::uint32_t>(i), rule.action == Action::deny});
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

}  // namespace

CompiledPolicy::CompiledPolicy(CallPolicy document, const std::vector<ResolvedHost>& resolved)
    : document_(checked(std::move(document))),
      name_(qualified_name(document_)),
      functions_(make_function_index(document_)) {
  for (std::size_t i = 0; i < document_.targets.size(); ++i) {
    auto& target = document_.targets[i];
    PatternFault fault;
    const auto host = parse_host_pattern(target.host, fault);
    if (!host) throw std::invalid_argument(fault.message);
    targets_.add(*host, target.port.value_or(0), static_cast<std::uint32_t>(i));
    target.upstream.resolved.clear();
    if (target.upstream.tls == TlsRequirement::plaintext) {
      target.upstream.resolved = addresses_of(host->text, resolved);
    }
  }
}

Selects CompiledPolicy::selects(const Caller& caller) const {
  auto best = Selects::no;
  for (const auto& pattern : document_.callers) {
    if (pattern.workload && !glob_matches(*pattern.workload, caller.workload)) continue;
    if (!pattern.process) return Selects::yes;
    if (caller.process.empty()) {
      best = Selects::unknown;
    } else if (glob_matches(*pattern.process, caller.process)) {
      return Selects::yes;
    }
  }
  return best;
}

const Target* CompiledPolicy::target_of(std::string_view canonical_host, std::uint16_t port) const {
  const auto found = targets_.find(canonical_host, port);
  return found == TargetIndex::none ? nullptr : &document_.targets[found];
}

}  // namespace callgate::policy
