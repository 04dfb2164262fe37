#include "policy/function_index.hpp"

#include <algorithm>
#include <bit>
#include <numeric>

namespace callgate::policy {
namespace {

// FNV-1a, 64 bit. A collision only costs time: what is found is compared in full. Policies choose the keys,
// not callers.
constexpr std::uint64_t hash_start = 0xcbf29ce484222325ULL;
std::uint64_t hash_byte(std::uint64_t hash, char c) {
  return (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
}
std::uint64_t hash_text(std::uint64_t hash, std::string_view text) {
  for (const char c : text)
    hash = hash_byte(hash, c);
  return hash;
}
std::size_t slot_of(std::uint64_t hash, std::size_t slots) {
  return static_cast<std::size_t>((hash ^ (hash >> 32U)) & (slots - 1));
}

bool has_exact_host(const FunctionPattern& function) {
  return function.host.kind == HostPattern::Kind::exact;
}

std::size_t literal_depth(const FunctionPattern& function) {
  const auto& path = function.path;
  const auto wild = std::find_if(path.begin(), path.end(),
                                 [](const PathSegment& s) { return s.kind != PathSegment::Kind::literal; });
  return static_cast<std::size_t>(wild - path.begin());
}

std::uint64_t hash_of(const FunctionPattern& function) {
  std::uint64_t hash = has_exact_host(function) ? hash_text(hash_start, function.host.text) : hash_start;
  for (std::size_t i = 0; i < literal_depth(function); ++i) {
    hash = hash_text(hash_byte(hash, '/'), function.path[i].text);
  }
  return hash;
}

bool method_matches(const FunctionPattern& function, std::string_view method, bool restricts) {
  if (function.methods.empty()) return true;
  return std::any_of(function.methods.begin(), function.methods.end(), [&](const std::string& wanted) {
    return wanted == method || (restricts && equal_ignoring_case(wanted, method));
  });
}

}  // namespace

bool function_matches(const FunctionPattern& function, const Call& call, std::string_view host,
                      bool restricts) {
  switch (function.kind) {
    case FunctionPattern::Kind::any:
      return true;
    case FunctionPattern::Kind::http:
      return call.protocol == "http" && method_matches(function, call.method, restricts) &&
             function.host.matches(host) && path_matches(function.path, call.path);
    case FunctionPattern::Kind::tcp_connect:
      return call.protocol == "tcp";
    case FunctionPattern::Kind::tls_connect:
      return call.protocol == "tls" && function.host.matches(host);
  }
  return false;
}

FunctionIndex::FunctionIndex(std::vector<Pattern> patterns) {
  std::vector<std::uint64_t> hashes(patterns.size());
  std::vector<std::size_t> order(patterns.size());
  std::transform(patterns.begin(), patterns.end(), hashes.begin(),
                 [](const Pattern& pattern) { return hash_of(pattern.function); });
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return hashes[a] < hashes[b]; });
  slots_.resize(std::bit_ceil(2 * patterns.size() + 2));
  patterns_.reserve(patterns.size());
  Slot* open = nullptr;
  for (const auto from : order) {
    const auto hash = hashes[from];
    if (open == nullptr || open->hash != hash) {
      auto at = slot_of(hash, slots_.size());
      while (slots_[at].count != 0)
        at = (at + 1) & (slots_.size() - 1);
      open = &slots_[at];
      *open = {hash, static_cast<std::uint32_t>(patterns_.size()), 0};
    }
    ++open->count;
    deepest_ = std::max(deepest_, literal_depth(patterns[from].function));
    names_hosts_ = names_hosts_ || has_exact_host(patterns[from].function);
    patterns_.push_back(std::move(patterns[from]));
  }
}

void FunctionIndex::visit(std::uint64_t hash, const Call& call, std::string_view canonical_host,
                          bool restricting_only, Matches& matches) const {
  auto at = slot_of(hash, slots_.size());
  while (slots_[at].count != 0 && slots_[at].hash != hash)
    at = (at + 1) & (slots_.size() - 1);
  for (std::uint32_t i = 0; i < slots_[at].count; ++i) {
    const Pattern& pattern = patterns_[slots_[at].first + i];
    if (restricting_only && !pattern.restricts) continue;
    if (function_matches(pattern.function, call, canonical_host, pattern.restricts))
      matches.push_back(pattern.rule);
  }
}

void FunctionIndex::visit_prefixes(std::uint64_t seed, const Call& call, std::string_view canonical_host,
                                   bool restricting_only, Matches& matches) const {
  visit(seed, call, canonical_host, restricting_only, matches);
  std::uint64_t hash = seed;
  std::size_t start = 0;
  for (std::size_t depth = 0; depth < deepest_ && start < call.path.size(); ++depth) {
    const auto end = std::min(call.path.find('/', start + 1), call.path.size());
    hash = hash_text(hash, call.path.substr(start, end - start));
    visit(hash, call, canonical_host, restricting_only, matches);
    start = end;
  }
}

void FunctionIndex::find(const Call& call, std::string_view canonical_host, bool restricting_only,
                         Matches& matches) const {
  visit_prefixes(hash_start, call, canonical_host, restricting_only, matches);
  if (names_hosts_) {
    visit_prefixes(hash_text(hash_start, canonical_host), call, canonical_host, restricting_only, matches);
  }
}

}  // namespace callgate::policy
