#include "tlog/reader.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "tlog/note.hpp"

namespace callgate::tlog {
namespace {

Error not_of(const Checkpoint& checkpoint) {
  return make_error("log_damaged",
                    fmt::format("the tiles of the log {} are not those of its checkpoint; `callgate "
                                "audit verify` says which",
                                checkpoint.origin));
}

}  // namespace

Result<LogReader> LogReader::open(std::string directory, const VerifierKey& key) {
  auto note = read_if_there(directory + "/" + checkpoint_name, note_limit);
  if (!note) return note.error();
  if (!*note) return make_error("missing", fmt::format("{} holds no checkpoint of a log", directory));
  auto checkpoint = open_checkpoint(**note, key);
  if (!checkpoint) return checkpoint.error();
  return LogReader(std::move(directory), std::move(*checkpoint), std::move(**note));
}

template <typename Use>
auto LogReader::with_hashes(const Use& use) const {
  TileCache cache(directory_);
  const TileReader tiles = std::ref(cache);
  return use(hashes_from_tiles(checkpoint_.size, tiles));
}

Result<std::string> read_entry(const std::string& directory, std::uint64_t size, std::uint64_t index) {
  if (index >= size)
    return make_error("not_found", fmt::format("the log in {} has no entry {}", directory, index));
  const auto bundle = read_entries(directory, tile_at(Tile::entries, index / tile_width, size));
  if (!bundle) return bundle.error();
  return std::string(as_text(bundle->entry(index % tile_width)));
}

Result<std::uint64_t> visit_entries(const std::string& directory, std::uint64_t size, std::uint64_t first,
                                    std::uint64_t end, const EntryVisitor& visitor) {
  end = std::min(end, size);
  std::uint64_t next = first;
  while (next < end) {
    const auto tile = tile_at(Tile::entries, next / tile_width, size);
    const auto bundle = read_entries(directory, tile);
    if (!bundle) return bundle.error();
    for (const auto stop = std::min(end, tile.end_entry()); next < stop;) {
      const auto offset = static_cast<unsigned>(next % tile_width);
      if (!visitor(next++, bundle->entry(offset))) return next;
    }
  }
  return next;
}

Result<Proof> LogReader::prove_inclusion(std::uint64_t index) const {
  return with_hashes([&](const HashReader& read) -> Result<Proof> {
    auto proof = inclusion_proof(index, size(), read);
    if (!proof) return proof.error();
    const auto leaf = read(0, index);
    if (!leaf) return leaf.error();
    if (check_inclusion(*proof, index, size(), *leaf, checkpoint_.root)) return proof;
    return not_of(checkpoint_);
  });
}

Result<Proof> LogReader::prove_consistency(std::uint64_t old_size) const {
  return with_hashes([&](const HashReader& read) -> Result<Proof> {
    auto proof = consistency_proof(old_size, size(), read);
    if (!proof) return proof.error();
    const auto old_root = root_hash(old_size, read);
    if (!old_root) return old_root.error();
    if (check_consistency(*proof, old_size, *old_root, size(), checkpoint_.root)) return proof;
    return not_of(checkpoint_);
  });
}

Result<Hash> LogReader::root_at(std::uint64_t size) const {
  if (size > checkpoint_.size) {
    return make_error("out_of_range",
                      fmt::format("the log {} has only {} entries", checkpoint_.origin, checkpoint_.size));
  }
  return with_hashes([&](const HashReader& read) { return root_hash(size, read); });
}

}  // namespace callgate::tlog
