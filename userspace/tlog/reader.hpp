// Reads one transparency log from its directory, also while it is written: as far as its checkpoint says.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "tlog/checkpoint.hpp"
#include "tlog/tree.hpp"
#include "tlog/writer.hpp"

namespace callgate::tlog {

// One entry, and entries [first, end) in order with one tile in memory at a time, of the log of `size`
// entries in a directory. Visiting returns the index after the last entry visited. Errors: not_found;
// missing, tile_cut, tile_damaged. What is read is not checked against any root.
[[nodiscard]] Result<std::string> read_entry(const std::string& directory, std::uint64_t size,
                                             std::uint64_t index);
[[nodiscard]] Result<std::uint64_t> visit_entries(const std::string& directory, std::uint64_t size,
                                                  std::uint64_t first, std::uint64_t end,
                                                  const EntryVisitor& visitor);

// Any number of threads.
class LogReader {
 public:
  // Reads the checkpoint, which `key` must have signed. Errors: missing (no checkpoint); those of
  // open_checkpoint; system errors.
  [[nodiscard]] static Result<LogReader> open(std::string directory, const VerifierKey& key);

  [[nodiscard]] const Checkpoint& checkpoint() const { return checkpoint_; }
  [[nodiscard]] const std::string& checkpoint_note() const { return note_; }
  [[nodiscard]] std::uint64_t size() const { return checkpoint_.size; }

  // As read_entry and visit_entries, up to the checkpoint.
  [[nodiscard]] Result<std::string> entry(std::uint64_t index) const {
    return read_entry(directory_, size(), index);
  }
  [[nodiscard]] Result<std::uint64_t> visit(std::uint64_t first, std::uint64_t end,
                                            const EntryVisitor& visitor) const {
    return visit_entries(directory_, size(), first, end, visitor);
  }

  // Proofs against the checkpoint, checked before they are returned. Errors: out_of_range; missing,
  // tile_cut, tile_damaged; log_damaged where the tiles are not those of the checkpoint.
  [[nodiscard]] Result<Proof> prove_inclusion(std::uint64_t index) const;
  [[nodiscard]] Result<Proof> prove_consistency(std::uint64_t old_size) const;
  // The root of the first `size` entries.
  [[nodiscard]] Result<Hash> root_at(std::uint64_t size) const;

 private:
  LogReader(std::string directory, Checkpoint checkpoint, std::string note)
      : directory_(std::move(directory)), checkpoint_(std::move(checkpoint)), note_(std::move(note)) {}
  // Calls `use` with a reader of this log's hashes.
  template <typename Use>
  auto with_hashes(const Use& use) const;

  std::string directory_;
  Checkpoint checkpoint_;
  std::string note_;
};

}  // namespace callgate::tlog
