// Writes pieces of calls into the files of a directory.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "payload/cipher.hpp"
#include "payload/compression.hpp"
#include "payload/files.hpp"
#include "payload/key_ring.hpp"
#include "payload/piece.hpp"
#include "payload/piece_list.hpp"
#include "payload/session_keys.hpp"

namespace callgate::payload {

struct WriterOptions {
  std::uint64_t file_size = std::uint64_t{256} << 20U;  // then the next file begins; at most largest_file
  std::chrono::seconds file_age{3600};                  // then too
};

// What a call has stored so far. A copy of the public fields is enough to go on after a restart.
struct Stream {
  Id session;
  Id call;
  RetentionClass retention = 0;
  std::uint64_t last = 0;  // pointer of the call's newest block; 0: there is none

  std::uint8_t raw_blocks = 0;             // in a row that did not compress
  std::unique_ptr<PieceListBuilder> open;  // the writer's: pieces that are in no block yet
};

// One thread, but for Files, which is shared.
//
// A batch is any number of add() and seal(), then seal() of every stream that was added to, then commit().
// Nothing of a batch is in a file before commit(); until then its blocks lie in memory, encrypted.
class Writer {
 public:
  // Both must outlive the writer. Error bad_options.
  [[nodiscard]] static Result<std::unique_ptr<Writer>> open(Files& files, const KeyRing& keys,
                                                            const WriterOptions& options);
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // Takes a piece. `bytes` must stay valid until the stream is sealed, unless they are at most
  // copied_size (piece_list.hpp).
  void add(Stream& stream, const Piece& piece, Bytes bytes);
  // Makes a block of what was added since the last one, if anything was; returns stream.last, which is the
  // pointer that readers need once the batch is committed. Where that fails, commit() tells.
  std::uint64_t seal(Stream& stream);
  // Writes all blocks. On failure nothing is lost: call again. Errors: disk_full, exists,
  // payload_numbers_used_up, encryption_failed, no_random_bytes (these three stay until restart), system
  // errors.
  [[nodiscard]] Result<void> commit();
  // Bytes of blocks in memory.
  [[nodiscard]] std::uint64_t pending() const { return pending_bytes_; }

 private:
  struct Output;
  using OutputPointer = std::shared_ptr<Output>;  // in current_, and in pending_ while it has blocks

  Writer(Files& files, const KeyRing& keys, const WriterOptions& options);
  [[nodiscard]] Result<void> write_block(Stream& stream, PieceListBuilder& pieces);
  [[nodiscard]] Result<OutputPointer> output_for(RetentionClass retention);
  [[nodiscard]] bool is_used_up(const Output& output) const;
  [[nodiscard]] Result<SessionKey> key_for(Output& output, const Id& session);
  [[nodiscard]] std::uint8_t* reserve(Output& output, std::size_t size);
  [[nodiscard]] Result<void> write_out(Output& output);

  Files& files_;
  const KeyRing& keys_;
  const WriterOptions options_;
  BlockEncryptor cipher_;
  Compressor compressor_;
  std::map<RetentionClass, OutputPointer> current_;
  std::vector<OutputPointer> pending_;  // in the order in which they got their first block
  std::uint64_t pending_bytes_ = 0;
  Result<void> outcome_;  // of making blocks: after a failure no more are made
  struct Chunk;
  std::vector<std::unique_ptr<Chunk>> free_chunks_;
  std::vector<std::unique_ptr<PieceListBuilder>> free_builders_;
  std::vector<iovec> iovecs_;
};

}  // namespace callgate::payload
