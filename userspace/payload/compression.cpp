#include "payload/compression.hpp"

#include <algorithm>
#include <new>

#include <zstd.h>

namespace callgate::payload {
namespace {

constexpr int level = 1;
constexpr std::size_t tried_above = 64U << 10U;
constexpr std::size_t tried_size = 16U << 10U;
constexpr std::size_t worth = 20;  // a twentieth less

// Fills `to`, or as much of it as there is.
std::size_t gather(std::span<const Bytes> parts, std::span<std::uint8_t> to) {
  std::size_t filled = 0;
  for (const Bytes part : parts) {
    const std::size_t size = std::min(part.size(), to.size() - filled);
    std::copy_n(part.begin(), size, to.begin() + static_cast<std::ptrdiff_t>(filled));
    filled += size;
  }
  return filled;
}

}  // namespace

struct Compressor::Context {
  Context() : zstd(ZSTD_createCCtx()) {
    if (zstd == nullptr) throw std::bad_alloc();
    // The block's header says how large it is, and its tag that it is whole.
    ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, level);
    ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 0);
    ZSTD_CCtx_setParameter(zstd, ZSTD_c_dictIDFlag, 0);
  }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context() { ZSTD_freeCCtx(zstd); }

  ZSTD_CCtx* zstd;
};

Compressor::Compressor() : context_(std::make_unique<Context>()) {}
Compressor::~Compressor() = default;

// What does not fit into `room` is not worth having: zstd stops there.
Bytes Compressor::run(Bytes plain, std::size_t room) {
  if (compressed_.size() < room) compressed_.resize(room);
  const std::size_t size =
      ZSTD_compress2(context_->zstd, compressed_.data(), room, plain.data(), plain.size());
  return ZSTD_isError(size) != 0 ? Bytes() : Bytes(compressed_).first(size);
}

Bytes Compressor::compress(std::span<const Bytes> parts, std::size_t size) {
  if (size < 2) return {};
  if (plain_.size() < size) plain_.resize(size);
  if (size > tried_above) {
    const Bytes beginning(plain_.data(), gather(parts, std::span(plain_).first(tried_size)));
    if (run(beginning, tried_size - tried_size / worth).empty()) return {};
  }
  if (parts.size() == 1) return run(parts.front(), size - 1);
  return run(Bytes(plain_.data(), gather(parts, std::span(plain_).first(size))), size - 1);
}

struct Decompressor::Context {
  Context() : zstd(ZSTD_createDCtx()) {
    if (zstd == nullptr) throw std::bad_alloc();
  }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context() { ZSTD_freeDCtx(zstd); }

  ZSTD_DCtx* zstd;
};

Decompressor::Decompressor() : context_(std::make_unique<Context>()) {}
Decompressor::~Decompressor() = default;

Result<void> Decompressor::decompress(Bytes compressed, std::span<std::uint8_t> to) {
  const std::size_t size =
      ZSTD_decompressDCtx(context_->zstd, to.data(), to.size(), compressed.data(), compressed.size());
  if (ZSTD_isError(size) != 0 || size != to.size()) {
    return make_error("payload_damaged", "a block of payload does not decompress to what it was");
  }
  return {};
}

}  // namespace callgate::payload
