// SHA-256 over a salt and then the bytes of one stream, whose state can be stored and taken up again.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

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
  // As SHA256_CTX of OpenSSL; checked in the .cpp.
  alignas(8) std::array<std::uint8_t, 112> context_{};
  bool started_ = false;
};

}  // namespace callgate::record
