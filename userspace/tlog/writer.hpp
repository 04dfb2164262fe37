// Writes one transparency log: entries are appended, and a checkpoint makes them durable and signs them.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"
#include "tlog/checkpoint.hpp"
#include "tlog/entry_bundle.hpp"
#include "tlog/key.hpp"
#include "tlog/log_check.hpp"
#include "tlog/tile.hpp"
#include "tlog/tile_files.hpp"

namespace callgate::tlog {

struct LogOptions {
  std::string directory;  // made (0700) where it does not exist; its parent must
  std::string origin;     // name of the log and of its key, as is_key_name() demands
  SigningKey key;
  CheckDepth depth = CheckDepth::tiles;  // what opening checks
};

// What opening found beyond the checkpoint, and cut off: nobody was told that it is durable.
struct CutOff {
  std::uint64_t entries = 0;  // at least; as the files' names say
  std::size_t files = 0;
};

// Tells an entry; false ends the visit.
using EntryVisitor = std::function<bool(std::uint64_t index, Bytes entry)>;

// Opening, appending and checkpoints are one thread's; entry(), visit() and size() any thread's.
class LogWriter {
 public:
  // Makes a new log in an empty directory, with a checkpoint of no entries. Errors:
  //   log_damaged   what is there does not verify; the message says what, and that a new log can be begun
  //   log_in_use    another process writes to it
  //   bad_name      the origin is none
  //   disk_full, system errors
  [[nodiscard]] static Result<std::unique_ptr<LogWriter>> open(LogOptions options);

  // Appends an entry of at most 65,535 bytes; returns its index, which holds as soon as a checkpoint covers
  // it. Errors: entry_too_large; disk_full and system errors while the tile before cannot be written: then
  // the entry is not in the log, and appending it can be tried again.
  [[nodiscard]] Result<std::uint64_t> append(Bytes entry);
  // Makes everything durable and signed. Errors: disk_full and system errors, after which it can be tried
  // again and nothing is lost; log_broken, after which the log has to be opened anew (and then ends at the
  // last checkpoint).
  [[nodiscard]] Result<void> checkpoint();

  // The last checkpoint, and its note.
  [[nodiscard]] const Checkpoint& last_checkpoint() const { return checkpoint_; }
  [[nodiscard]] const std::string& checkpoint_note() const { return note_; }
  [[nodiscard]] const CutOff& cut_off() const { return cut_off_; }
  [[nodiscard]] const std::string& directory() const { return options_.directory; }

  // Entries, also those that no checkpoint covers yet.
  [[nodiscard]] std::uint64_t size() const;
  // Errors: not_found where there is no such entry; tile_cut, tile_damaged, missing, system errors.
  [[nodiscard]] Result<std::string> entry(std::uint64_t index) const;
  // Entries from `first` up to the present end, in order. Returns the index after the last one visited.
  [[nodiscard]] Result<std::uint64_t> visit(std::uint64_t first, const EntryVisitor& visitor) const;

 private:
  explicit LogWriter(LogOptions options) : options_(std::move(options)), files_(options_.directory) {}

  [[nodiscard]] Result<void> lock();
  [[nodiscard]] Result<void> create();
  [[nodiscard]] Result<void> load(std::string note);
  [[nodiscard]] Result<void> check();
  [[nodiscard]] Result<void> cut(const LogCheck::Others& others);
  [[nodiscard]] Result<void> load_unfinished();
  [[nodiscard]] Error damaged(std::string_view why) const;

  void add_hash(unsigned level, const Hash& hash);
  [[nodiscard]] Result<void> finish_tiles();
  [[nodiscard]] Result<void> write_unfinished();
  [[nodiscard]] Result<void> sign();
  void remove_superseded();
  [[nodiscard]] Result<EntryBundle> read_bundle(std::uint64_t index) const;

  // The unfinished tile of one level; full until it is written.
  struct Edge {
    std::uint64_t index = 0;
    std::vector<Hash> hashes;
  };

  LogOptions options_;
  Fd lock_;
  CutOff cut_off_;
  TileSink files_;
  std::array<Edge, tile_levels> edges_;
  std::vector<Tile> unfinished_files_;  // that exist
  Checkpoint checkpoint_;
  std::string note_;
  bool broken_ = false;

  mutable std::mutex mutex_;  // for what follows
  EntryBundle bundle_;        // of the unfinished tile of entries
  std::uint64_t bundle_index_ = 0;
};

}  // namespace callgate::tlog
