#include "policy/target_index.hpp"

namespace callgate::policy {

void TargetIndex::add(const HostPattern& host, std::uint16_t port, std::uint32_t target) {
  if (host.kind == HostPattern::Kind::any) {
    any_.push_back({port, target});
  } else {
    auto& table = host.kind == HostPattern::Kind::exact ? exact_ : suffix_;
    table[host.text].push_back({port, target});
  }
}

std::uint32_t TargetIndex::pick(const std::vector<Entry>& entries, std::uint16_t port) {
  std::uint32_t found = none;
  for (const auto& entry : entries) {
    if (entry.port == port) return entry.target;
    if (entry.port == 0) found = entry.target;
  }
  return found;
}

std::uint32_t TargetIndex::find(std::string_view canonical_host, std::uint16_t port) const {
  if (const auto at = exact_.find(canonical_host); at != exact_.end()) {
    if (const auto target = pick(at->second, port); target != none) return target;
  }
  if (!suffix_.empty()) {
    // A suffix matches below itself, so the first label is never part of one.
    for (auto dot = canonical_host.find('.'); dot != std::string_view::npos;
         dot = canonical_host.find('.', dot + 1)) {
      const auto at = suffix_.find(canonical_host.substr(dot + 1));
      if (at == suffix_.end()) continue;
      if (const auto target = pick(at->second, port); target != none) return target;
    }
  }
  return pick(any_, port);
}

}  // namespace callgate::policy
