#include "tlog/writer.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "tlog/note.hpp"

namespace callgate::tlog {

Result<std::uint64_t> LogWriter::append(Bytes entry) {
  if (entry.size() > longest_entry) {
    return make_error(
        "entry_too_large",
        fmt::format("an entry of {} bytes is over the {} that a log can hold", entry.size(), longest_entry));
  }
  CALLGATE_TRY(finish_tiles());
  const Hash hash = leaf_hash(entry);
  std::uint64_t index = 0;
  {
    const std::lock_guard lock(mutex_);
    index = bundle_index_ * tile_width + bundle_.size();
    bundle_.append(entry);
  }
  edges_[0].hashes.push_back(hash);
  // The entry is in the log; where its tile cannot be written now, the next one is told.
  if (edges_[0].hashes.size() == tile_width) static_cast<void>(finish_tiles());
  return index;
}

// Writes the tiles that are full, from the lowest level up, each before what stands for it in the next.
Result<void> LogWriter::finish_tiles() {
  if (broken_)
    return make_error("log_broken", fmt::format("the log in {} has to be opened anew", directory()));
  for (unsigned level = 0; level + 1 < tile_levels; ++level) {
    auto& edge = edges_[level];
    if (edge.hashes.size() < tile_width) continue;
    if (level == 0) CALLGATE_TRY(files_.write({Tile::entries, edge.index, tile_width}, bundle_.bytes()));
    CALLGATE_TRY(
        files_.write({static_cast<int>(level), edge.index, tile_width}, bytes_of(std::span(edge.hashes))));
    edges_[level + 1].hashes.push_back(subtree_hash(edge.hashes));
    edge.hashes.clear();
    edge.index += 1;
    if (level > 0) continue;
    const std::lock_guard lock(mutex_);
    bundle_.clear();
    bundle_index_ = edge.index;
  }
  return {};
}

Result<void> LogWriter::checkpoint() {
  CALLGATE_TRY(finish_tiles());
  if (size() == checkpoint_.size) return {};
  CALLGATE_TRY(write_unfinished());
  if (auto synced = files_.sync(); !synced) {
    broken_ = true;
    return synced;
  }
  CALLGATE_TRY(sign());
  remove_superseded();
  return {};
}

Result<void> LogWriter::write_unfinished() {
  const auto write = [this](const Tile& tile, Bytes content) -> Result<void> {
    if (std::find(unfinished_files_.begin(), unfinished_files_.end(), tile) != unfinished_files_.end())
      return {};
    auto written = files_.write(tile, content);
    // Half a tile must not be taken for an altered one.
    if (!written) static_cast<void>(remove_tile(directory(), tile));
    if (written) unfinished_files_.push_back(tile);
    return written;
  };
  for (unsigned level = 0; level < tile_levels; ++level) {
    const auto& edge = edges_[level];
    if (edge.hashes.empty()) continue;
    const auto width = static_cast<unsigned>(edge.hashes.size());
    if (level == 0) CALLGATE_TRY(write({Tile::entries, edge.index, width}, bundle_.bytes()));
    CALLGATE_TRY(write({static_cast<int>(level), edge.index, width}, bytes_of(std::span(edge.hashes))));
  }
  return {};
}

Result<void> LogWriter::sign() {
  const TileReader tiles = [this](const Tile& tile) -> Result<std::span<const Hash>> {
    return std::span<const Hash>(edges_[static_cast<unsigned>(tile.level)].hashes);
  };
  Checkpoint checkpoint{options_.origin, size(), {}};
  // Only the right edge of the tree is asked for, which is in memory.
  const auto root = root_hash(checkpoint.size, hashes_from_tiles(checkpoint.size, tiles));
  if (!root) return root.error();
  checkpoint.root = *root;
  auto note = sign_note(checkpoint.text(), options_.origin, options_.key);
  if (!note) return note.error();
  if (auto replaced = files_.replace(checkpoint_name, *note); !replaced) {
    broken_ = replaced.error().code == "log_broken";
    return replaced;
  }
  checkpoint_ = std::move(checkpoint);
  note_ = std::move(*note);
  return {};
}

void LogWriter::remove_superseded() {
  std::erase_if(unfinished_files_, [this](const Tile& tile) {
    if (tile == unfinished_tile(tile.level, checkpoint_.size)) return false;
    // One that stays does no harm, and is removed when the log is opened.
    static_cast<void>(remove_tile(directory(), tile));
    return true;
  });
}

std::uint64_t LogWriter::size() const {
  const std::lock_guard lock(mutex_);
  return bundle_index_ * tile_width + bundle_.size();
}

Result<std::string> LogWriter::entry(std::uint64_t index) const {
  const auto offset = static_cast<unsigned>(index % tile_width);
  {
    const std::lock_guard lock(mutex_);
    if (index / tile_width == bundle_index_ && offset < bundle_.size()) {
      return std::string(as_text(bundle_.entry(offset)));
    }
    if (index / tile_width >= bundle_index_) {
      return make_error("not_found", fmt::format("the log {} has no entry {}", options_.origin, index));
    }
  }
  const auto bundle = read_entries(directory(), {Tile::entries, index / tile_width, tile_width});
  if (!bundle) return bundle.error();
  return std::string(as_text(bundle->entry(offset)));
}

Result<EntryBundle> LogWriter::read_bundle(std::uint64_t index) const {
  {
    const std::lock_guard lock(mutex_);
    if (index > bundle_index_) return EntryBundle();
    if (index == bundle_index_) return bundle_;
  }
  return read_entries(directory(), {Tile::entries, index, tile_width});
}

Result<std::uint64_t> LogWriter::visit(std::uint64_t first, const EntryVisitor& visitor) const {
  for (std::uint64_t next = first;;) {
    const auto bundle = read_bundle(next / tile_width);
    if (!bundle) return bundle.error();
    auto offset = static_cast<unsigned>(next % tile_width);
    if (offset >= bundle->size()) return next;
    for (; offset < bundle->size(); ++offset) {
      if (!visitor(next++, bundle->entry(offset))) return next;
    }
  }
}

}  // namespace callgate::tlog
