// The hashes of a transparency log: SHA-256 with the domain separation of RFC 6962, section 2.1.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/bytes.hpp"

namespace callgate::tlog {

using Hash = std::array<std::uint8_t, 32>;

// Of an entry.
[[nodiscard]] Hash leaf_hash(Bytes entry);
// Of an inner node of the tree.
[[nodiscard]] Hash node_hash(const Hash& left, const Hash& right);
// Of the tree without leaves.
[[nodiscard]] Hash empty_root();
// The root of a complete subtree over these hashes; their number is a power of two, at most 256.
[[nodiscard]] Hash subtree_hash(std::span<const Hash> hashes);

// Plain SHA-256.
[[nodiscard]] Hash sha256(Bytes bytes);

}  // namespace callgate::tlog
