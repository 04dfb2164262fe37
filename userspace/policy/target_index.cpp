#include "policy/target_index.hpp"

namespace callgate::policy {

void TargetIndex::Entries::add(std::uint16_t port, const std::optional<AddressRange>& range,
                               std::uint32_t target) {
  auto& entries = range ? ranges_[range->prefix()][range->first()] : anywhere_;
  entries.push_back({port, target});
}

std::uint32_t TargetIndex::Entries::pick(const std::vector<Entry>& entries, std::uint16_t port) {
  std::uint32_t found = none;
  for (const auto& entry : entries) {
    if (entry.port == port) return entry.target;
    if (entry.port == 0) found = entry.target;
  }
  return found;
}

std::uint32_t TargetIndex::Entries::find(std::uint16_t port, const Address* address) const {
  if (address != nullptr) {
    for (const auto& [prefix, ranges] : ranges_) {
      const auto at = ranges.find(AddressRange::first_of(*address, prefix));
      if (at == ranges.end()) continue;
      if (const auto target = pick(at->second, port); target != none) return target;
    }
  }
  return pick(anywhere_, port);
}

void TargetIndex::add(const HostPattern& host, std::uint16_t port, const std::optional<AddressRange>& range,
                      std::uint32_t target) {
  auto& entries = host.kind == HostPattern::Kind::any     ? any_
                  : host.kind == HostPattern::Kind::exact ? exact_[host.text]
                                                          : suffix_[host.text];
  entries.add(port, range, target);
}

std::uint32_t TargetIndex::find(std::string_view canonical_host, std::uint16_t port,
                                const Address* address) const {
  if (const auto at = exact_.find(canonical_host); at != exact_.end()) {
    if (const auto target = at->second.find(port, address); target != none) return target;
  }
  if (!suffix_.empty()) {
    // A suffix matches below itself, so the first label is never part of one.
    for (auto dot = canonical_host.find('.'); dot != std::string_view::npos;
         dot = canonical_host.find('.', dot + 1)) {
      const auto at = suffix_.find(canonical_host.substr(dot + 1));
      if (at == suffix_.end()) continue;
      if (const auto target = at->second.find(port, address); target != none) return target;
    }
  }
  return any_.find(port, address);
}

}  // namespace callgate::policy
