#include <cerrno>
#include <memory>
#include <optional>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "tlog/note.hpp"
#include "tlog/writer.hpp"

namespace callgate::tlog {

Result<std::unique_ptr<LogWriter>> LogWriter::open(LogOptions options) {
  if (!is_key_name(options.origin)) {
    return make_error("bad_name",
                      fmt::format("`{}` cannot name a log: it is empty, too long or not UTF-8, or holds "
                                  "a space or `+`",
                                  options.origin));
  }
  std::unique_ptr<LogWriter> log(new LogWriter(std::move(options)));
  for (auto& edge : log->edges_)
    edge.hashes.reserve(tile_width);
  CALLGATE_TRY(log->lock());
  auto note = read_if_there(log->directory() + "/" + checkpoint_name, note_limit);
  if (!note) return log->damaged(note.error().message);
  CALLGATE_TRY(*note ? log->load(std::move(**note)) : log->create());
  return log;
}

Error LogWriter::damaged(std::string_view why) const {
  return make_error(
      "log_damaged",
      fmt::format("the log in {0} does not verify, so nothing is appended to it, and nothing in it was "
                  "changed: {1}. Restore it from a backup; or set it aside, so that a new one begins "
                  "beside it, with: mv {0} {0}.damaged",
                  directory(), why));
}

// Two writers would sign two histories. The lock goes with the descriptor.
Result<void> LogWriter::lock() {
  if (::mkdir(directory().c_str(), 0700) != 0 && errno != EEXIST) {
    return system_error(fmt::format("create {}", directory()), errno);
  }
  lock_ = Fd(::open(directory().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock_) return system_error(fmt::format("open {}", directory()), errno);
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) == 0) return {};
  if (errno != EWOULDBLOCK) return system_error(fmt::format("lock {}", directory()), errno);
  return make_error("log_in_use", fmt::format("another process writes to the log in {}", directory()));
}

// The first thing in a log is its checkpoint: entries without one belong to a log that lost it.
Result<void> LogWriter::create() {
  const auto listing = list_tiles(directory());
  if (!listing) return listing.error();
  if (!listing->tiles.empty() || !listing->strangers.empty()) {
    return damaged("it holds entries and no checkpoint");
  }
  return sign();
}

Result<void> LogWriter::load(std::string note) {
  auto checkpoint = open_checkpoint(note, VerifierKey(options_.origin, options_.key.public_key()));
  if (!checkpoint) return damaged(checkpoint.error().message);
  checkpoint_ = std::move(*checkpoint);
  note_ = std::move(note);
  return check();
}

Result<void> LogWriter::check() {
  std::optional<Finding> first;
  LogCheck check(directory(), checkpoint_, [&first](Finding finding) {
    if (!first) first = std::move(finding);
  });
  check.run(options_.depth);
  if (first) return damaged(first->message);
  CALLGATE_TRY(load_unfinished());
  const auto others = check.check_others();
  if (!others) return others.error();
  return cut(*others);
}

Result<void> LogWriter::load_unfinished() {
  for (unsigned level = 0; level < tile_levels; ++level) {
    const auto tile = unfinished_tile(static_cast<int>(level), checkpoint_.size);
    edges_[level].index = tile.index;
    if (tile.width == 0) continue;
    auto hashes = read_hashes_file(directory(), tile);
    if (!hashes) return damaged(hashes.error().message);
    edges_[level].hashes.assign(hashes->begin(), hashes->end());
    unfinished_files_.push_back(tile);
  }
  const auto tile = unfinished_tile(Tile::entries, checkpoint_.size);
  bundle_index_ = tile.index;
  if (tile.width == 0) return {};
  auto bundle = read_entries_file(directory(), tile);
  if (!bundle) return damaged(bundle.error().message);
  bundle_ = std::move(*bundle);
  unfinished_files_.push_back(tile);
  return {};
}

Result<void> LogWriter::cut(const LogCheck::Others& others) {
  for (const auto& tile : others.superseded)
    CALLGATE_TRY(remove_tile(directory(), tile));
  for (const auto& tile : others.beyond) {
    CALLGATE_TRY(remove_tile(directory(), tile));
    cut_off_.files += 1;
    if (tile.level != Tile::entries) continue;
    cut_off_.entries = std::max(cut_off_.entries, tile.end_entry() - checkpoint_.size);
  }
  return {};
}

}  // namespace callgate::tlog
