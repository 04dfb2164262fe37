// The audit log of a node: a sequence of transparency logs, its epochs, each in a directory of its own
// ("000001", "000002", …) and named "<name>/<number>", all signed with one key. The first entry of each epoch
// but the first holds the last checkpoint of the epoch before it, so that whole epochs can expire from the
// beginning and none can vanish from between.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"
#include "tlog/epoch.hpp"
#include "tlog/key.hpp"
#include "tlog/writer.hpp"

namespace callgate::tlog {

struct AuditLogOptions {
  std::string directory;  // made (0700) where it does not exist; its parent must
  std::string name;       // of the node's log, as is_key_name() demands
  std::string key_file;   // as of SigningKey::load_or_create
  std::chrono::nanoseconds epoch_age = std::chrono::hours(24 * 30);
  std::uint64_t epoch_records =
      1U << 20U;  // entries; an epoch ends with the checkpoint that finds it so long
  // Makes the first entry of an epoch out of the note of the last checkpoint of the one before (empty where
  // that was set aside and does not verify). At most 65,535 bytes.
  std::function<std::string(std::string_view previous_checkpoint_note)> first_leaf;
  // Nanoseconds since 1970 of an entry, from the first of which an epoch's age counts. Without it, an epoch's
  // age begins anew whenever the log is opened.
  std::function<std::uint64_t(Bytes entry)> entry_time;
  CheckDepth depth = CheckDepth::tiles;  // what opening checks in the epoch that is written to
};

// Tells an entry; false ends the visit.
using PositionVisitor = std::function<bool(Position position, Bytes entry)>;

// Opening, appending, checkpoints and removal are one thread's; everything const any thread's.
class AuditLog {
 public:
  // Errors: those of LogWriter::open for the newest epoch, and of SigningKey; log_damaged too where an older
  // epoch has no checkpoint that verifies, or is missing.
  [[nodiscard]] static Result<std::unique_ptr<AuditLog>> open(AuditLogOptions options);

  // As of LogWriter. The position is the entry's as soon as a checkpoint covers it, and for ever.
  [[nodiscard]] Result<Position> append(Bytes entry);
  // As of LogWriter; then begins a new epoch if this one is over. Where only that fails, its error is
  // returned although everything is durable, and the next checkpoint tries again.
  [[nodiscard]] Result<void> checkpoint();
  // Only the oldest epoch, and never the one that is written to: error refused, not_found, system errors.
  [[nodiscard]] Result<void> remove_epoch(std::uint32_t number);
  // What opening cut off beyond the last checkpoint.
  [[nodiscard]] const CutOff& cut_off() const { return cut_off_; }

  // Where the next entry will stand.
  [[nodiscard]] Position end() const;
  // Errors: not_found; missing, tile_cut, tile_damaged, system errors.
  [[nodiscard]] Result<std::string> entry(Position position) const;
  // Entries from a position (or the next one that is there) up to the present end, in order; also those that
  // no checkpoint covers yet. Returns where to go on.
  [[nodiscard]] Result<Position> visit(Position from, const PositionVisitor& visitor) const;
  // Ascending; the last one is written to.
  [[nodiscard]] std::vector<Epoch> epochs() const;
  // Of the newest epoch.
  [[nodiscard]] std::string checkpoint_note() const;
  // Of the whole: that of an epoch is epoch_key() of it.
  [[nodiscard]] const VerifierKey& verifier_key() const { return verifier_; }

 private:
  AuditLog(AuditLogOptions options, SigningKey key)
      : options_(std::move(options)), key_(std::move(key)), verifier_(options_.name, key_.public_key()) {}

  [[nodiscard]] Result<void> lock();
  [[nodiscard]] Result<void> remove_half_done();
  [[nodiscard]] Result<void> load();
  [[nodiscard]] Result<void> check_broken() const;
  [[nodiscard]] Result<void> load_older(const std::vector<std::uint32_t>& numbers);
  [[nodiscard]] Result<void> begin_epoch(std::uint32_t number, std::string_view previous_note);
  [[nodiscard]] Result<void> open_epoch(std::uint32_t number);
  [[nodiscard]] Result<void> write_verifier_key() const;
  [[nodiscard]] std::string previous_note(std::uint32_t number) const;
  [[nodiscard]] bool is_over() const;
  void note_start(Bytes first_entry);
  [[nodiscard]] LogOptions log_options(std::uint32_t number, std::string directory) const;
  // The writer of an epoch; nothing where it is not the newest.
  [[nodiscard]] std::shared_ptr<LogWriter> writer_of(std::uint32_t number) const;

  AuditLogOptions options_;
  SigningKey key_;
  VerifierKey verifier_;
  Fd lock_;
  CutOff cut_off_;
  std::uint64_t started_ = 0;  // ns since 1970; of the newest epoch, 0 while it is empty
  bool broken_ = false;        // a new epoch is in place, and could not be opened

  mutable std::mutex mutex_;  // for what follows
  std::vector<Epoch> epochs_;
  // Shared: with those who read it while the next one begins.
  std::shared_ptr<LogWriter> current_;
  std::string note_;
};

}  // namespace callgate::tlog
