// One epoch while it is written: blocks in its file, blocks that wait to be written, and the rows of the next
// one.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "index/block_builder.hpp"
#include "index/block_reader.hpp"
#include "index/epoch_file.hpp"

namespace callgate::index {

// One thread at a time; the Index sees to it.
class Epoch {
 public:
  // An epoch without a file.
  explicit Epoch(std::uint64_t epoch) : epoch_(epoch) { open_.start(0, 0); }
  // Goes on with a file. Errors: those of EpochFile.
  [[nodiscard]] static Result<Epoch> load(std::uint64_t epoch, std::shared_ptr<EpochFile> file);

  // The entry that add() wants.
  [[nodiscard]] std::uint64_t next() const { return open_.summary().end; }
  // Errors: index_gap, index_behind (too many blocks wait to be written), index_damaged.
  [[nodiscard]] Result<void> add(std::uint64_t entry, const v1::Record& record);
  // Makes a block of the rows that are there.
  void seal();

  [[nodiscard]] bool damaged() const { return damaged_ || (file_ && file_->damaged()); }
  void set_damaged() { damaged_ = true; }

  // Blocks that are to be written, oldest first, and the file for them, which may not be there yet.
  [[nodiscard]] const std::deque<std::shared_ptr<const Block>>& waiting() const { return waiting_; }
  [[nodiscard]] const std::shared_ptr<EpochFile>& file() const { return file_; }
  // The first `count` of them are in the file now.
  void stored(std::size_t count, std::shared_ptr<EpochFile> file);

  // Those blocks that are wanted, oldest first, the open one included.
  void gather(const std::function<bool(const Summary&)>& wanted, std::vector<BlockPlace>& blocks);

 private:
  [[nodiscard]] std::shared_ptr<const Block> open_block();

  std::uint64_t epoch_;
  bool damaged_ = false;
  std::shared_ptr<EpochFile> file_;  // shared with queries that still read it
  std::vector<Summary> stored_;
  std::deque<std::shared_ptr<const Block>> waiting_;
  BlockBuilder open_;
  std::shared_ptr<const Block> open_block_;  // of the rows of open_; null: there came more since
};

}  // namespace callgate::index
