// The layout of payload-<retention class>-<N>.log, host byte order: files belong to the machine that wrote
// them.
//
// A file is a sequence of frames. A block frame is a BlockHeader, `stored` encrypted bytes and a tag, and
// holds pieces of one call; a call's blocks are chained backwards. A key frame is a KeyHeader alone; it lies
// before the first block that needs its key. Every key frame has a key of its own.
//
// A pointer is (N << 40) | (offset of a frame + 1): never 0, given once, and greater than every pointer that
// was given before in files of the class. N is drawn from one counter for all classes.
//
// A block is encrypted with AES-256-GCM. Its nonce is its own pointer, which no other block under the same
// key can have; authenticated with it are its header, that pointer and the session's id, so a block that was
// moved, or put under another session's key, does not verify.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "payload/piece.hpp"

namespace callgate::payload {

inline constexpr std::size_t block_size = 1U << 20U;           // of pieces, plain; then the next block begins
inline constexpr std::size_t largest_plain = block_size + 64;  // the last piece's header included
inline constexpr std::size_t tag_size = 16;                    // of AES-GCM
inline constexpr std::size_t key_size = 32;                    // of every key: AES-256
inline constexpr std::size_t wrapped_size = key_size + 8;      // RFC 3394
inline constexpr std::uint64_t largest_file = 4'000'000'000;   // offsets of key frames have 32 bits
inline constexpr std::uint64_t numbers = std::uint64_t{1} << 24U;  // N is below that

using KeyId = std::array<std::uint8_t, 8>;  // the first bytes of the key's SHA-256

enum class Codec : std::uint8_t { raw = 0, zstd = 1, zstd_words = 2 };  // the last with dictionary.hpp

enum class FrameType : std::uint32_t {
  block = 0x31627063,
  erased_block = 0x31657063,  // a BlockHeader, and zeros where the rest was
  key = 0x316b7063,
  erased_key = 0x31787063,  // a KeyHeader whose key is zeros
};

struct BlockHeader {
  FrameType type;
  std::uint32_t checksum;  // CRC-32C of the header after this field
  std::uint32_t plain;     // bytes of pieces
  std::uint32_t stored;    // bytes of them as they lie in the file, without the tag
  Id call;
  std::uint64_t previous;   // pointer of the call's block before this one; 0: there is none
  std::uint32_t key_frame;  // offset in the same file
  Codec codec;
  std::array<std::uint8_t, 3> reserved;  // 0
};
static_assert(sizeof(BlockHeader) == 48);

struct KeyHeader {
  FrameType type;
  std::uint32_t checksum;  // CRC-32C of the header after this field
  Id session;
  KeyId wrapped_by;
  std::array<std::uint8_t, wrapped_size> wrapped;
};
static_assert(sizeof(KeyHeader) == 72);

[[nodiscard]] constexpr std::uint64_t make_pointer(std::uint64_t number, std::uint64_t offset) {
  return (number << 40U) | (offset + 1);
}
[[nodiscard]] constexpr std::uint64_t pointer_number(std::uint64_t pointer) {
  return pointer >> 40U;
}
// Meaningless where the pointer's low bits are 0.
[[nodiscard]] constexpr std::uint64_t pointer_offset(std::uint64_t pointer) {
  return (pointer & ((std::uint64_t{1} << 40U) - 1)) - 1;
}

[[nodiscard]] constexpr std::uint64_t frame_size(const BlockHeader& header) {
  return sizeof(BlockHeader) + header.stored + tag_size;
}

void set_checksum(BlockHeader& header);
void set_checksum(KeyHeader& header);

// The header at the beginning of `bytes`, if there is one whose checksum and sizes are sound. A block's may
// be an erased one's, and so may a key's.
[[nodiscard]] std::optional<BlockHeader> parse_block_header(Bytes bytes);
[[nodiscard]] std::optional<KeyHeader> parse_key_header(Bytes bytes);

struct FileName {
  RetentionClass retention = 0;
  std::uint64_t number = 0;  // below `numbers`, not 0
};
[[nodiscard]] std::string format_file_name(const FileName& name);
// Nothing for any other name, one with leading zeros included.
[[nodiscard]] std::optional<FileName> parse_file_name(std::string_view text);

}  // namespace callgate::payload
