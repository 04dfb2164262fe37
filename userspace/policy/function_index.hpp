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

#include <boost/container/small_vector.hpp>

#include "policy/engine.hpp"
#include "policy/function_pattern.hpp"

namespace callgate::policy {

// Whether the call has the function. With `restricts`, in any case of the method: what a server makes of
// `delete` is its own choice.
[[nodiscard]] bool function_matches(const FunctionPattern& function, const Call& call,
                                    std::string_view canonical_host, bool restricts);

class FunctionIndex {
 public:
  static constexpr std::uint32_t none = ~0U;

  struct Pattern {
    FunctionPattern function;
    std::uint32_t rule = none;
    // Of a rule that takes something away: it counts under either reading of a path, and in any case of the
    // method.
    bool restricts = false;
  };
  // Numbers of rules, in no order, some perhaps several times.
  using Matches = boost::container::small_vector<std::uint32_t, 32>;

  explicit FunctionIndex(std::vector<Pattern> patterns);

  // Adds the rules that have the call's function; `canonical_host` is the call's. With `restricting_only`,
  // others are left out.
  void find(const Call& call, std::string_view canonical_host, bool restricting_only, Matches& matches) const;

 private:
  struct Slot {
    std::uint64_t hash = 0;
    std::uint32_t first = 0;
    std::uint32_t count = 0;  // 0: free
  };

  void visit(std::uint64_t hash, const Call& call, std::string_view canonical_host, bool restricting_only,
             Matches& matches) const;
  void visit_prefixes(std::uint64_t seed, const Call& call, std::string_view canonical_host,
                      bool restricting_only, Matches& matches) const;

  std::vector<Pattern> patterns_;  // those of one hash side by side
  std::vector<Slot> slots_;        // open addressing; the size is a power of two
  std::size_t deepest_ = 0;        // literal segments of the deepest pattern
  bool names_hosts_ = false;       // some pattern has an exact host
};

}  // namespace callgate::policy
