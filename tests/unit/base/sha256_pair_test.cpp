#include "base/sha256_pair.hpp"

#include <array>
#include <random>
#include <vector>

#include <catch2/catch.hpp>
#include <openssl/evp.h>

#include "base/file.hpp"

using namespace callgate;

namespace {

using State = std::array<std::uint32_t, 8>;

// FIPS 180-4, 5.3.3.
constexpr State beginning{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                          0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

// The message and what ends it: FIPS 180-4, 5.1.1.
std::vector<std::uint8_t> padded(std::vector<std::uint8_t> message) {
  const std::uint64_t bits = message.size() * 8;
  message.push_back(0x80);
  while (message.size() % sha256_block_size != 56)
    message.push_back(0);
  for (unsigned shift = 64; shift > 0; shift -= 8)
    message.push_back(static_cast<std::uint8_t>(bits >> (shift - 8)));
  return message;
}

std::vector<std::uint8_t> bytes_of(const State& state) {
  std::vector<std::uint8_t> bytes;
  for (const std::uint32_t word : state) {
    for (unsigned shift = 32; shift > 0; shift -= 8)
      bytes.push_back(static_cast<std::uint8_t>(word >> (shift - 8)));
  }
  return bytes;
}

std::vector<std::uint8_t> openssl(const std::vector<std::uint8_t>& message) {
  std::vector<std::uint8_t> digest(32);
  REQUIRE(EVP_Digest(message.data(), message.size(), digest.data(), nullptr, EVP_sha256(), nullptr) == 1);
  return digest;
}

}  // namespace

TEST_CASE("two messages hashed at a time have the digests that each has alone") {
  // A CPU with the instructions must not be taken for one without.
  REQUIRE(has_sha256_pair() == (read_file("/proc/cpuinfo")->find(" sha_ni") != std::string::npos));
  if (!has_sha256_pair()) return;  // one at a time is OpenSSL's
  std::mt19937 random(7);
  for (std::size_t size = 0; size < 700; size += size < 130 ? 1 : 61) {
    std::vector<std::uint8_t> one(size);
    std::vector<std::uint8_t> other(size);
    for (std::size_t at = 0; at < size; ++at) {
      one[at] = static_cast<std::uint8_t>(random());
      other[at] = static_cast<std::uint8_t>(random());
    }
    const auto first = padded(one);
    const auto second = padded(other);
    State first_state = beginning;
    State second_state = beginning;
    // In two parts, as streams come.
    const std::size_t blocks = first.size() / sha256_block_size;
    const std::size_t before = random() % (blocks + 1);
    const std::size_t middle = before * sha256_block_size;
    sha256_pair({first_state.data(), first.data()}, {second_state.data(), second.data()}, before);
    sha256_pair({first_state.data(), first.data() + middle}, {second_state.data(), second.data() + middle},
                blocks - before);
    CHECK(bytes_of(first_state) == openssl(one));
    CHECK(bytes_of(second_state) == openssl(other));
  }
}
