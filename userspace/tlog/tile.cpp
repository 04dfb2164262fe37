#include "tlog/tile.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace callgate::tlog {
namespace {

unsigned subtree_shift(int level) {
  return level == Tile::entries ? 0U : tile_height * static_cast<unsigned>(level);
}

}  // namespace

std::string Tile::path() const {
  std::string number = fmt::format("{:03}", index % 1000);
  for (std::uint64_t rest = index / 1000; rest > 0; rest /= 1000)
    number = fmt::format("x{:03}/{}", rest % 1000, number);
  const auto name = level == entries ? std::string("entries") : std::to_string(level);
  auto path = fmt::format("tile/{}/{}", name, number);
  if (!full()) path += fmt::format(".p/{}", width);
  return path;
}

std::uint64_t Tile::first_entry() const {
  return index << (subtree_shift(level) + tile_height);
}

std::uint64_t Tile::end_entry() const {
  return first_entry() + (std::uint64_t{width} << subtree_shift(level));
}

Tile unfinished_tile(int level, std::uint64_t size) {
  const std::uint64_t hashes = size >> subtree_shift(level);
  return {level, hashes >> tile_height, static_cast<unsigned>(hashes % tile_width)};
}

Tile tile_at(int level, std::uint64_t index, std::uint64_t size) {
  const auto unfinished = unfinished_tile(level, size);
  return index < unfinished.index ? Tile{level, index, tile_width} : unfinished;
}

HashReader hashes_from_tiles(std::uint64_t size, const TileReader& tiles) {
  return [size, &tiles](unsigned level, std::uint64_t index) -> Result<Hash> {
    const auto tile_level = static_cast<int>(level / tile_height);
    const unsigned within = level % tile_height;
    const std::uint64_t first = index << within;
    const std::size_t count = std::size_t{1} << within;
    const std::size_t offset = first % tile_width;
    const auto hashes = tiles(tile_at(tile_level, first >> tile_height, size));
    if (!hashes) return hashes.error();
    if (hashes->size() < offset + count) {
      return make_error("out_of_range", "the tree has no such complete subtree");
    }
    return subtree_hash(hashes->subspan(offset, count));
  };
}

}  // namespace callgate::tlog
