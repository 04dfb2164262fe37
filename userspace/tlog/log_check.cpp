#include "tlog/log_check.hpp"

#include <algorithm>
#include <functional>

#include <fmt/format.h>
#include <sys/stat.h>

#include "tlog/tile_files.hpp"

namespace callgate::tlog {
namespace {

bool is_there(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

}  // namespace

std::string entries_text(std::uint64_t first, std::uint64_t end) {
  if (end <= first + 1) return fmt::format("entry {}", first);
  return fmt::format("entries {} to {}", first, end - 1);
}

void LogCheck::report(Finding::Kind kind, const Tile& tile, std::string message) {
  on_finding_({kind, tile.path(), tile.first_entry(), tile.end_entry(), std::move(message)});
}

void LogCheck::report(const Tile& tile, const Error& error) {
  const auto kind = error.code == "missing"    ? Finding::Kind::missing
                    : error.code == "tile_cut" ? Finding::Kind::cut
                                               : Finding::Kind::altered;
  report(kind, tile,
         fmt::format("{} ({})", error.message, entries_text(tile.first_entry(), tile.end_entry())));
}

void LogCheck::check_in_parent(const Tile& tile, const std::vector<Hash>& hashes) {
  const auto above = tile_at(tile.level + 1, tile.index >> tile_height, checkpoint_.size);
  const auto parent = parents_(above);
  // What cannot be read is reported when its own level is checked.
  if (!parent || (*parent)[tile.index % tile_width] == subtree_hash(hashes)) return;
  report(Finding::Kind::altered, tile,
         fmt::format("{} does not hash to what {} says: one of them was altered ({})", tile.path(),
                     above.path(), entries_text(tile.first_entry(), tile.end_entry())));
}

void LogCheck::check_entries(const Tile& tile, const std::vector<Hash>* hashes) {
  const Tile entries{Tile::entries, tile.index, tile.width};
  const auto bundle = read_entries(directory_, entries);
  if (!bundle) return report(entries, bundle.error());
  if (hashes == nullptr) return;
  for (unsigned i = 0; i < tile.width; ++i) {
    if (leaf_hash(bundle->entry(i)) == (*hashes)[i]) continue;
    const auto number = entries.first_entry() + i;
    on_finding_({Finding::Kind::altered, entries.path(), number, number + 1,
                 fmt::format("entry {} in {} does not hash to what {} says: it, or its hash, was altered",
                             number, entries.path(), tile.path())});
  }
}

void LogCheck::check_level(unsigned level, CheckDepth depth) {
  const auto unfinished = unfinished_tile(static_cast<int>(level), checkpoint_.size);
  for (std::uint64_t index = 0; index < unfinished.index + (unfinished.width > 0 ? 1 : 0); ++index) {
    const Tile tile = tile_at(static_cast<int>(level), index, checkpoint_.size);
    const auto hashes = read_hashes(directory_, tile);
    if (!hashes) report(tile, hashes.error());
    if (hashes && tile.full()) check_in_parent(tile, *hashes);
    if (level > 0) continue;
    const Tile entries{Tile::entries, index, tile.width};
    if (depth == CheckDepth::entries || !tile.full()) {
      check_entries(tile, hashes ? &*hashes : nullptr);
      if (on_progress_) on_progress_(tile.end_entry());
    } else if (!is_there(directory_ + "/" + entries.path())) {
      report(entries, make_error("missing", entries.path() + " is missing"));
    }
  }
}

void LogCheck::check_root() {
  TileCache cache(directory_);
  const TileReader tiles = std::ref(cache);
  const auto root = root_hash(checkpoint_.size, hashes_from_tiles(checkpoint_.size, tiles));
  // A tile that cannot be read has been reported.
  if (!root || *root == checkpoint_.root) return;
  on_finding_(
      {Finding::Kind::altered, checkpoint_name, 0, checkpoint_.size,
       fmt::format("the tiles do not hash to the root that the checkpoint of {} entries says: one at the "
                   "right edge of the tree was altered",
                   checkpoint_.size)});
}

void LogCheck::run(CheckDepth depth) {
  for (unsigned level = 0; level < tile_levels && hashes_on_level(checkpoint_.size, level) > 0; ++level)
    check_level(level, depth);
  check_root();
}

void LogCheck::check_superseded(const Tile& tile) {
  const Tile successor = tile_at(tile.level, tile.index, checkpoint_.size);
  std::string part;
  std::string whole;
  if (tile.level == Tile::entries) {
    const auto entries = read_entries_file(directory_, tile);
    // A running log has removed it since it was listed.
    if (!entries && entries.error().code == "missing") return;
    if (!entries) return report(tile, entries.error());
    const auto all = read_entries(directory_, successor);
    if (!all) return;  // reported
    part = as_text(entries->bytes());
    whole = as_text(all->first_bytes(tile.width));
  } else {
    const auto hashes = read_hashes_file(directory_, tile);
    if (!hashes && hashes.error().code == "missing") return;
    if (!hashes) return report(tile, hashes.error());
    const auto all = read_hashes(directory_, successor);
    if (!all) return;
    part = as_text(bytes_of(std::span(*hashes)));
    whole = as_text(bytes_of(std::span(*all)).first(tile.width * sizeof(Hash)));
  }
  if (part == whole) return;
  report(Finding::Kind::altered, tile,
         fmt::format("{} is an earlier state of {}, and not as that begins: one of them was altered ({})",
                     tile.path(), successor.path(), entries_text(tile.first_entry(), tile.end_entry())));
}

Result<LogCheck::Others> LogCheck::check_others() {
  auto listing = list_tiles(directory_);
  if (!listing) return listing.error();
  Others others;
  others.strangers = std::move(listing->strangers);
  for (const auto& tile : listing->tiles) {
    const auto unfinished = unfinished_tile(tile.level, checkpoint_.size);
    if (tile.index > unfinished.index || (tile.index == unfinished.index && tile.width > unfinished.width)) {
      others.beyond.push_back(tile);
    } else if (tile != tile_at(tile.level, tile.index, checkpoint_.size)) {
      others.superseded.push_back(tile);
      check_superseded(tile);
    }
  }
  return others;
}

}  // namespace callgate::tlog
