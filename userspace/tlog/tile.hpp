// Tiles: 256 hashes of one level of the tree, or the 256 entries below them, in one file each
// (c2sp.org/tlog-tiles). Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "tlog/hash.hpp"
#include "tlog/tree.hpp"

namespace callgate::tlog {

inline constexpr unsigned tile_height = 8;                 // levels of the tree in a tile
inline constexpr unsigned tile_width = 1U << tile_height;  // hashes in a full tile
inline constexpr unsigned tile_levels = 64 / tile_height;  // more than the largest tree has
inline constexpr std::size_t longest_entry = 65'535;       // bytes

struct Tile {
  static constexpr int entries = -1;  // as a level: the tile holds entries

  int level = 0;
  std::uint64_t index = 0;
  unsigned width = tile_width;  // 1 to 256; less: the tile is not full yet

  [[nodiscard]] bool full() const { return width == tile_width; }
  // "tile/0/x001/x234/067" or "tile/entries/000.p/5".
  [[nodiscard]] std::string path() const;
  // Entries [first, end) of the log lie below the tile.
  [[nodiscard]] std::uint64_t first_entry() const;
  [[nodiscard]] std::uint64_t end_entry() const;

  bool operator==(const Tile&) const = default;
};

// Hashes on the tile level `level` of a log of `size` entries: one for each complete subtree of 256^level.
[[nodiscard]] constexpr std::uint64_t hashes_on_level(std::uint64_t size, unsigned level) {
  return size >> (tile_height * level);
}
// The unfinished tile of a level (of entries as of level 0), whose width is 0 where there is none.
[[nodiscard]] Tile unfinished_tile(int level, std::uint64_t size);
// The tile at `index`, as wide as it is in a log of `size` entries; it must have it.
[[nodiscard]] Tile tile_at(int level, std::uint64_t index, std::uint64_t size);

// The hashes of a tile; valid until the next call.
using TileReader = std::function<Result<std::span<const Hash>>(const Tile& tile)>;
// Reads the hashes of a log of `size` entries from its tiles. `tiles` must outlive what is returned.
[[nodiscard]] HashReader hashes_from_tiles(std::uint64_t size, const TileReader& tiles);

}  // namespace callgate::tlog
