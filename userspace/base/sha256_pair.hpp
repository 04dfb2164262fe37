// SHA-256 of two messages at a time. The instructions that CPUs have for it wait for each other within one
// message; two messages keep them busy, which nearly doubles the bytes a second. OpenSSL hashes one at a
// time.
#pragma once

#include <cstddef>
#include <cstdint>

namespace callgate {

inline constexpr std::size_t sha256_block_size = 64;

// One of the two: the eight words of its state so far (FIPS 180-4, 6.2), and the blocks that come next.
struct Sha256Lane {
  std::uint32_t* state;
  const std::uint8_t* blocks;
};

// Whether this CPU has the instructions (SHA-NI).
[[nodiscard]] bool has_sha256_pair();
// Takes `count` whole blocks of each into its state. Only where has_sha256_pair().
void sha256_pair(const Sha256Lane& first, const Sha256Lane& second, std::size_t count);

}  // namespace callgate
