// SHA-256 over a salt and then the bytes of one stream, whose state can be stored and taken up again.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"

namespace callgate::record {

inline constexpr std::size_t salt_size = 16;
using Salt = std::array<std::uint8_t, salt_size>;

// Random bytes, drawn in blocks. One thread.
class SaltSource {
 public:
  [[nodiscard]] Salt next();

 private:
  std::array<std::uint8_t, salt_size * 256> block_{};
  std::size_t used_ = sizeof(block_);
};

class SaltedDigest {
 public:
  void start(const Salt& salt);
  void add(Bytes bytes);
  [[nodiscard]] bool started() const { return started_; }
  // The digest of everything so far, 32 bytes, or nothing where it never started. Adding may go on.
  [[nodiscard]] std::string value() const;

  // State for a snapshot of the same machine and version; empty where it never started.
  [[nodiscard]] std::string save() const;
  [[nodiscard]] bool load(std::string_view state);

 private:
  friend class DigestQueue;

  // As SHA256_CTX of OpenSSL; checked in the .cpp.
  alignas(8) std::array<std::uint8_t, 112> context_{};
  std::uint32_t chain_ = 0;  // of the queue, from 1
  bool started_ = false;
};

// Bytes that are to be added to digests, gathered until run() adds them two digests at a time, which costs
// little more than one. Digests and bytes must stay where they are until then. One thread.
class DigestQueue {
 public:
  DigestQueue();
  void add(SaltedDigest& digest, Bytes bytes);
  void run();

 private:
  // All that is to be added to one digest, in order.
  struct Piece {
    Bytes bytes;
    std::uint32_t next;  // 0: none; from 1
  };
  struct Chain {
    SaltedDigest* digest;
    std::uint32_t first;
    std::uint32_t last;
    std::size_t size;
  };
  class Lane;

  const bool pairs_;
  std::vector<Piece> pieces_;
  std::vector<Chain> chains_;
};

}  // namespace callgate::record
