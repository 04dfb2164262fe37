// The blocks of one epoch in a SQLite database of their own.
//
// Blocks are only ever added, in one transaction a flush, and never changed. SQLite's write-ahead log keeps
// what was written consistent after any crash; the newest blocks may be missing then. Each piece has a
// CRC-32C over it, its epoch, block and column: bytes that were changed, or moved, are found when they are
// read.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "index/block.hpp"
#include "index/database.hpp"

namespace callgate::index {

// Any thread. Errors: index_damaged (damaged() is true from then on), index_changed (the file was closed
// meanwhile), and those of Database.
class EpochFile {
 public:
  // Opens the file at `path`, or makes one (0600).
  [[nodiscard]] static Result<std::unique_ptr<EpochFile>> open(const std::string& path, std::uint64_t epoch);

  // What is in it, in order, without gaps.
  [[nodiscard]] Result<std::vector<Summary>> summaries();
  // All of them or none.
  [[nodiscard]] Result<void> append(const std::vector<std::shared_ptr<const Block>>& blocks);
  // Removes block `number` and those after it.
  [[nodiscard]] Result<void> remove_from(std::uint64_t number);
  [[nodiscard]] Result<std::string> read(std::uint64_t number, std::size_t piece);

  // Puts everything into the one file, and lets go of it.
  void close();
  [[nodiscard]] bool damaged() const { return damaged_.load(std::memory_order_relaxed); }
  void set_damaged() { damaged_.store(true, std::memory_order_relaxed); }

 private:
  struct Open {
    Database database;  // outlives the statements below
    Statement summaries;
    Statement insert_block;
    Statement insert_piece;
    Statement read_piece;
    Statement remove_blocks;
    Statement remove_pieces;
  };

  explicit EpochFile(std::uint64_t epoch) : epoch_(epoch) {}
  [[nodiscard]] Result<void> open_database(const std::string& path);
  [[nodiscard]] Result<void> insert(const Block& block);
  [[nodiscard]] Result<std::string> checked(Bytes stored, std::uint64_t id) const;
  [[nodiscard]] std::uint32_t checksum(Bytes bytes, std::uint64_t id) const;
  template <typename Action>
  [[nodiscard]] auto exclusively(Action action) -> decltype(action());

  const std::uint64_t epoch_;
  std::atomic<bool> damaged_{false};
  std::mutex mutex_;
  std::optional<Open> open_;
};

}  // namespace callgate::index
