#include "payload/compression.hpp"

#include <algorithm>
#include <new>
#include <string>

#include <zstd.h>

#include "payload/dictionary.hpp"

namespace callgate::payload {
namespace {

constexpr int level = 1;
constexpr std::size_t small_size = 16U << 10U;  // up to there the dictionary pays
constexpr std::size_t tried = 8;                // an eighth of what is larger, but not more than
constexpr std::size_t most_tried = 8U << 10U;
constexpr std::size_t worth = 20;  // a twentieth less

const std::string& dictionary() {
  static const std::string bytes = make_dictionary();
  return bytes;
}

// Fills `to` from the bytes after the first `skipped`, or as much of it as there is.
Bytes gather(std::span<const Bytes> parts, std::size_t skipped, std::span<std::uint8_t> to) {
  std::size_t filled = 0;
  for (Bytes part : parts) {
    const std::size_t before = std::min(part.size(), skipped);
    skipped -= before;
    part = part.subspan(before);
    const std::size_t size = std::min(part.size(), to.size() - filled);
    std::copy_n(part.begin(), size, to.begin() + static_cast<std::ptrdiff_t>(filled));
    filled += size;
  }
  return to.first(filled);
}

}  // namespace

struct Compressor::Context {
  Context()
      : zstd(ZSTD_createCCtx()), words(ZSTD_createCDict(dictionary().data(), dictionary().size(), level)) {
    if (zstd == nullptr || words == nullptr) throw std::bad_alloc();
    // The block's header says how large it is, and its tag that it is whole.
    ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, level);
    ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 0);
    ZSTD_CCtx_setParameter(zstd, ZSTD_c_dictIDFlag, 0);
  }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context() {
    ZSTD_freeCDict(words);
    ZSTD_freeCCtx(zstd);
  }

  ZSTD_CCtx* zstd;
  ZSTD_CDict* words;
};

Compressor::Compressor() : context_(std::make_unique<Context>()) {}
Compressor::~Compressor() = default;

// What does not fit into `room` is not worth having: zstd stops there.
Bytes Compressor::run(Codec codec, Bytes plain, std::size_t room) {
  if (compressed_.size() < room) compressed_.resize(room);
  ZSTD_CCtx_refCDict(context_->zstd, codec == Codec::zstd_words ? context_->words : nullptr);
  const std::size_t size =
      ZSTD_compress2(context_->zstd, compressed_.data(), room, plain.data(), plain.size());
  return ZSTD_isError(size) != 0 ? Bytes() : Bytes(compressed_).first(size);
}

Compressor::Content Compressor::compress(std::span<const Bytes> parts, std::size_t size) {
  if (size < 2) return {};
  if (plain_.size() < size) plain_.resize(size);
  const bool is_small = size <= small_size;
  if (!is_small) {
    const std::size_t tried_size = std::min(size / tried, most_tried);
    const Bytes middle = gather(parts, (size - tried_size) / 2, std::span(plain_).first(tried_size));
    if (run(Codec::zstd, middle, tried_size - tried_size / worth).empty()) return {};
  }
  const Bytes plain = parts.size() == 1 ? parts.front() : gather(parts, 0, std::span(plain_).first(size));
  const Codec codec = is_small ? Codec::zstd_words : Codec::zstd;
  const Bytes compressed = run(codec, plain, size - 1);
  return compressed.empty() ? Content{} : Content{codec, compressed};
}

struct Decompressor::Context {
  Context() : zstd(ZSTD_createDCtx()), words(ZSTD_createDDict(dictionary().data(), dictionary().size())) {
    if (zstd == nullptr || words == nullptr) throw std::bad_alloc();
  }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context() {
    ZSTD_freeDDict(words);
    ZSTD_freeDCtx(zstd);
  }

  ZSTD_DCtx* zstd;
  ZSTD_DDict* words;
};

Decompressor::Decompressor() : context_(std::make_unique<Context>()) {}
Decompressor::~Decompressor() = default;

Result<void> Decompressor::decompress(Codec codec, Bytes compressed, std::span<std::uint8_t> to) {
  ZSTD_DCtx_refDDict(context_->zstd, codec == Codec::zstd_words ? context_->words : nullptr);
  const std::size_t size =
      ZSTD_decompressDCtx(context_->zstd, to.data(), to.size(), compressed.data(), compressed.size());
  if (ZSTD_isError(size) != 0 || size != to.size()) {
    return make_error("payload_damaged", "a block of payload does not decompress to what it was");
  }
  return {};
}

}  // namespace callgate::payload
