// Finds the rules whose functions a call is, without looking at every rule.
//
// Patterns lie in a hash table under the literal part of what they stand for: the exact host, if they name
// one, and the path's segments up to the first wildcard. A call is looked up under each beginning of its
// path, so the work grows with the path's depth and with the patterns that share a beginning, not with the
// number of rules.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "policy/engine.hpp"
#include "policy/function_pattern.hpp"

namespace callgate::policy {

class FunctionIndex {
 public:
  static constexpr std::uint32_t none = ~0U;

  struct Pattern {
    FunctionPattern function;
    std::uint32_t rule = none;
    bool deny = false;
  };
  // The first rule of each action, in the order of the document, that has the call's function.
  struct Match {
    std::uint32_t allow = none;
    std::uint32_t deny = none;
  };

  explicit FunctionIndex(std::vector<Pattern> patterns);

  // Adds to `match` what the call matches; `canonical_host` is the call's. With `deny_only`, allow rules are
  // left out.
  void find(const Call& call, std::string_view canonical_host, bool deny_only, Match& match) const;

 private:
  struct Slot {
    std::uint64_t hash = 0;
    std::uint32_t first = 0;
    std::uint32_t count = 0;  // 0: free
  };

  void visit(std::uint64_t hash, const Call& call, std::string_view canonical_host, bool deny_only,
             Match& match) const;
  void visit_prefixes(std::uint64_t seed, const Call& call, std::string_view canonical_host, bool deny_only,
                      Match& match) const;

  std::vector<Pattern> patterns_;  // those of one hash side by side
  std::vector<Slot> slots_;        // open addressing; the size is a power of two
  std::size_t deepest_ = 0;        // literal segments of the deepest pattern
  bool names_hosts_ = false;       // some pattern has an exact host
};

}  // namespace callgate::policy
