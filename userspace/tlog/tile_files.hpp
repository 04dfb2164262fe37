// The files of one log in its directory: tiles as tile.hpp says, and "checkpoint".
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"
#include "tlog/entry_bundle.hpp"
#include "tlog/tile.hpp"

namespace callgate::tlog {

inline constexpr const char* checkpoint_name = "checkpoint";

// The content of a plain file of at most `limit` bytes, nothing where it does not exist. Errors: too_large,
// not_a_file, system errors.
[[nodiscard]] Result<std::optional<std::string>> read_if_there(const std::string& path, std::size_t limit);

// A tile as it is found: the very file, or a wider one that begins with it, since files of unfinished tiles
// go when a later checkpoint needs them no more. Errors: missing; tile_cut, tile_damaged, whose messages name
// the file.
[[nodiscard]] Result<std::vector<Hash>> read_hashes(const std::string& directory, const Tile& tile);
[[nodiscard]] Result<EntryBundle> read_entries(const std::string& directory, const Tile& tile);
// Reads tiles of hashes, and keeps the last one.
class TileCache {
 public:
  explicit TileCache(std::string directory) : directory_(std::move(directory)) {}
  // As read_hashes; valid until the next call.
  [[nodiscard]] Result<std::span<const Hash>> operator()(const Tile& tile);

 private:
  std::string directory_;
  Tile tile_{0, 0, 0};
  std::vector<Hash> hashes_;
};
// The same of the very file only.
[[nodiscard]] Result<std::vector<Hash>> read_hashes_file(const std::string& directory, const Tile& tile);
[[nodiscard]] Result<EntryBundle> read_entries_file(const std::string& directory, const Tile& tile);

[[nodiscard]] inline Bytes bytes_of(std::span<const Hash> hashes) {
  return {hashes.empty() ? nullptr : hashes.front().data(), hashes.size_bytes()};
}

// Writes files, and makes what was written durable later, all at once.
class TileSink {
 public:
  explicit TileSink(std::string directory) : directory_(std::move(directory)) {}
  // Replaces the file of the tile, in one write. Errors: disk_full, system errors; then what is there may be
  // half of it.
  [[nodiscard]] Result<void> write(const Tile& tile, Bytes content);
  // Replaces a small file of the log: after a crash there is the old content or the new one. Errors as of
  // write() and sync().
  [[nodiscard]] Result<void> replace(const std::string& name, std::string_view content);
  // Everything written so far, and its directories. Error log_broken: what was written may be lost although
  // it can still be read, and no second attempt would tell; the log has to be opened anew.
  [[nodiscard]] Result<void> sync();

 private:
  [[nodiscard]] Result<void> make_parents(const std::string& path);

  std::string directory_;
  Fd file_system_;  // of the directory; open from the first write on, so that it sees all errors
  std::set<std::string> parents_;   // that exist
  std::vector<std::string> files_;  // to be synced
  std::set<std::string> directories_;
};

// Everything below "tile/".
struct TileListing {
  std::vector<Tile> tiles;
  std::vector<std::string> strangers;  // paths that no tile has, relative to the log's directory
};
// Errors: system errors, too_many (files; a directory that is none of a log).
[[nodiscard]] Result<TileListing> list_tiles(const std::string& directory);

// Removes the file of a tile, and its directory where that is empty then; no error where it is gone.
[[nodiscard]] Result<void> remove_tile(const std::string& directory, const Tile& tile);

}  // namespace callgate::tlog
