// Whether what lies in a log's directory is what its checkpoint says: shared by those who open a log to write
// and those who verify one.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "tlog/checkpoint.hpp"
#include "tlog/tile.hpp"
#include "tlog/tile_files.hpp"

namespace callgate::tlog {

// Something that is not as the log's signature says it was.
struct Finding {
  // altered: what is there differs from what was signed. missing: it is not there. cut: both.
  enum class Kind : std::uint8_t { altered, missing, cut };

  Kind kind = Kind::altered;
  std::string file;               // relative to the log's directory
  std::uint64_t first_entry = 0;  // the entries concerned: [first_entry, end_entry)
  std::uint64_t end_entry = 0;
  std::string message;  // one sentence, with the file
};

// The entries of a finding as a person counts them: "entry 7", "entries 0 to 255".
[[nodiscard]] std::string entries_text(std::uint64_t first, std::uint64_t end);

enum class CheckDepth : std::uint8_t {
  tiles,    // all hashes, that each tile of entries is there, and the entries of the unfinished one
  entries,  // every entry too
};

class LogCheck {
 public:
  using OnFinding = std::function<void(Finding)>;
  // Entries that were checked so far.
  using OnProgress = std::function<void(std::uint64_t entries)>;

  LogCheck(std::string directory, Checkpoint checkpoint, OnFinding on_finding, OnProgress on_progress = {})
      : directory_(std::move(directory)),
        checkpoint_(std::move(checkpoint)),
        on_finding_(std::move(on_finding)),
        on_progress_(std::move(on_progress)),
        parents_(directory_) {}

  // Reports everything that is wrong with the tiles of the checkpoint. Memory: one tile of entries and three
  // of hashes, whatever the size of the log.
  void run(CheckDepth depth);
  // Files of tiles that the checkpoint does not need: left by an interrupted removal, they must begin the
  // tiles that replaced them (what does not is reported). What lies beyond the checkpoint is counted, since a
  // running log writes ahead. Errors of the listing.
  struct Others {
    std::vector<Tile> superseded;
    std::vector<Tile> beyond;
    std::vector<std::string> strangers;  // paths that no tile has
  };
  [[nodiscard]] Result<Others> check_others();

 private:
  void check_level(unsigned level, CheckDepth depth);
  void check_in_parent(const Tile& tile, const std::vector<Hash>& hashes);
  void check_root();
  void check_entries(const Tile& tile, const std::vector<Hash>* hashes);
  void check_superseded(const Tile& tile);
  void report(Finding::Kind kind, const Tile& tile, std::string message);
  void report(const Tile& tile, const Error& error);

  std::string directory_;
  Checkpoint checkpoint_;
  OnFinding on_finding_;
  OnProgress on_progress_;
  TileCache parents_;  // the tile above, for its next child
};

}  // namespace callgate::tlog
