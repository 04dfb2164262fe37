// zstd over blocks, one at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace callgate::payload {

class Compressor {
 public:
  Compressor();
  ~Compressor();
  Compressor(const Compressor&) = delete;
  Compressor& operator=(const Compressor&) = delete;

  // The compressed content of `parts`, one after the other, valid until the next call; empty where they are
  // better kept as they are: what is large is tried at its beginning first.
  [[nodiscard]] Bytes compress(std::span<const Bytes> parts, std::size_t size);

 private:
  struct Context;
  [[nodiscard]] Bytes run(Bytes plain, std::size_t room);

  std::unique_ptr<Context> context_;
  std::vector<std::uint8_t> plain_;
  std::vector<std::uint8_t> compressed_;
};

class Decompressor {
 public:
  Decompressor();
  ~Decompressor();
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  // Fills `to` exactly; error payload_damaged where `compressed` is no compressed content of that size.
  [[nodiscard]] Result<void> decompress(Bytes compressed, std::span<std::uint8_t> to);

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace callgate::payload
