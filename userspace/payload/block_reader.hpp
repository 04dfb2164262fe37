// Reads the blocks of one call.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"
#include "payload/cipher.hpp"
#include "payload/compression.hpp"
#include "payload/files.hpp"
#include "payload/key_ring.hpp"

namespace callgate::payload {

// One thread; keeps the file and the session's key of the block before.
class BlockReader {
 public:
  BlockReader(const Files& files, const KeyRing& keys, const Id& call)
      : files_(files), keys_(keys), call_(call) {}

  // The pointers of the call's blocks up to `last`, oldest first. Errors: payload_expired, payload_erased,
  // payload_damaged, payload_too_long, system errors.
  [[nodiscard]] Result<std::vector<std::uint64_t>> chain(std::uint64_t last);
  // The content of a block: pieces, valid until the next call. `previous` is the pointer of the block before.
  // Errors: those of chain(), key_missing.
  [[nodiscard]] Result<Bytes> load(std::uint64_t pointer, std::uint64_t previous);

 private:
  [[nodiscard]] Result<void> open(std::uint64_t number);
  [[nodiscard]] Result<void> read(std::span<std::uint8_t> to, std::uint64_t offset) const;
  template <typename Header>
  [[nodiscard]] Result<std::optional<Header>> read_header(std::uint64_t offset,
                                                          std::optional<Header> (*parse)(Bytes)) const;
  [[nodiscard]] Result<BlockHeader> header_at(std::uint64_t pointer);
  [[nodiscard]] Result<void> take_key(std::uint32_t frame);
  [[nodiscard]] Error damaged(std::uint64_t offset) const;

  const Files& files_;
  const KeyRing& keys_;
  const Id call_;
  Fd file_;
  std::string path_;
  std::uint64_t number_ = 0;
  Key key_;
  Id session_;
  std::uint64_t key_place_ = 0;  // pointer of the frame that key_ comes from; 0: there is none yet
  BlockDecryptor cipher_;
  Decompressor decompressor_;
  std::vector<std::uint8_t> stored_;
  std::vector<std::uint8_t> plain_;
};

}  // namespace callgate::payload
