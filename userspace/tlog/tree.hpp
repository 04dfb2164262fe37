// The arithmetic of Merkle trees (RFC 6962, section 2.1): roots, proofs, and their checking. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/result.hpp"
#include "tlog/hash.hpp"

namespace callgate::tlog {

// Leaves of the largest tree: what fits into the signed 64-bit numbers of other implementations.
inline constexpr std::uint64_t most_leaves = (std::uint64_t{1} << 62U);

// The hash of the complete subtree over the leaves [index << level, (index + 1) << level). Only subtrees that
// the tree has in full are asked for; what fails ends the computation with its error.
using HashReader = std::function<Result<Hash>(unsigned level, std::uint64_t index)>;

// From the leaf's sibling (or the lowest node) to the root's child.
using Proof = std::vector<Hash>;

// The root of the first `size` leaves, at most most_leaves.
[[nodiscard]] Result<Hash> root_hash(std::uint64_t size, const HashReader& read);
// That leaf `index` is in the tree of `size` leaves; error out_of_range where it cannot be.
[[nodiscard]] Result<Proof> inclusion_proof(std::uint64_t index, std::uint64_t size, const HashReader& read);
// That the tree of `old_size` leaves is the beginning of that of `size`; error out_of_range if it is larger.
// Empty where the sizes are equal or the old tree is empty.
[[nodiscard]] Result<Proof> consistency_proof(std::uint64_t old_size, std::uint64_t size,
                                              const HashReader& read);

// Error bad_proof where the proof does not show it.
[[nodiscard]] Result<void> check_inclusion(const Proof& proof, std::uint64_t index, std::uint64_t size,
                                           const Hash& leaf, const Hash& root);
[[nodiscard]] Result<void> check_consistency(const Proof& proof, std::uint64_t old_size, const Hash& old_root,
                                             std::uint64_t size, const Hash& root);

}  // namespace callgate::tlog
