// zstd over blocks, one at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "payload/format.hpp"

namespace callgate::payload {

class Compressor {
 public:
  Compressor();
  ~Compressor();
  Compressor(const Compressor&) = delete;
  Compressor& operator=(const Compressor&) = delete;

  struct Content {
    Codec codec = Codec::raw;
    Bytes bytes;  // empty for raw
  };
  // Compresses `parts`, which have `size` bytes in all, one after the other; raw where they are better kept
  // as they are: of what is large a part is tried first. Valid until the next call.
  [[nodiscard]] Content compress(std::span<const Bytes> parts, std::size_t size);

 private:
  struct Context;
  [[nodiscard]] Bytes run(Codec codec, Bytes plain, std::size_t room);

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

  // Fills `to` exactly; error payload_damaged where `compressed` is no content of that size and codec.
  [[nodiscard]] Result<void> decompress(Codec codec, Bytes compressed, std::span<std::uint8_t> to);

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace callgate::payload
