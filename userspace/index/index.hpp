// The index of the audit log: finds recorded calls without reading the log.
//
// It holds nothing that the log does not, and promises nothing about what it holds beyond agreeing with the
// log: it may be deleted at any time, and whoever owns the log gives it again what it misses, from
// next_position() on. One SQLite database an epoch, `index-<epoch>.db`. Full blocks of rows are written by
// flush(); the rows of the block that is still open are found too, but live in memory, so that after a
// restart the newest few thousand entries come from the log once more.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "callgate/v1/record.pb.h"
#include "index/epoch.hpp"
#include "index/position.hpp"
#include "index/query.hpp"
#include "index/search.hpp"

namespace callgate::index {

struct IndexOptions {
  std::string directory;  // made (0700) where it is not there
};

// Gives all entries of an epoch to `add`, from entry 0 on.
using AddEntry = std::function<Result<void>(Position position, const v1::Record& record)>;
using EpochSource = std::function<Result<void>(const AddEntry& add)>;
// How many entries were taken so far.
using Progress = std::function<void(std::uint64_t entries)>;

// Any thread may ask; one thread at a time adds and flushes.
class Index {
 public:
  // An epoch whose file is damaged, or of another version, is not an error: see damaged(). Errors:
  // index_locked (another process has it open), index_unavailable, disk_full, system errors.
  [[nodiscard]] static Result<std::unique_ptr<Index>> open(IndexOptions options);
  Index(const Index&) = delete;
  Index& operator=(const Index&) = delete;

  // The entry at `position`, which must be next_position() of its epoch; one from before that is there
  // already, and passes. Calls and flows are listed, other kinds only counted. Errors: index_gap (go on from
  // next_position()), index_behind (flush() has failed for a long time; go on from next_position() once it
  // has not), index_damaged (reindex() the epoch).
  [[nodiscard]] Result<void> add(Position position, const v1::Record& record);
  // Writes full blocks, and the last one of an epoch that another has followed. On failure nothing is lost:
  // call again. Errors: disk_full, index_damaged, index_unavailable.
  [[nodiscard]] Result<void> flush();
  // Where add() is to go on in an epoch.
  [[nodiscard]] Position next_position(std::uint64_t epoch) const;
  // Forgets entries that the log has lost, after a power failure: those from `position` on, and up to some
  // thousand before it. For the start, before anybody asks. Errors: as flush().
  [[nodiscard]] Result<void> truncate(Position position);

  // The epochs that there is something of, ascending.
  [[nodiscard]] std::vector<std::uint64_t> epochs() const;
  // Those whose file was found damaged; queries fail with index_damaged until each is built anew or dropped.
  [[nodiscard]] std::vector<std::uint64_t> damaged() const;
  // Removes an epoch and its file.
  [[nodiscard]] Result<void> drop(std::uint64_t epoch);
  // Builds the file of an epoch anew beside the old one, which is asked until then and replaced at once. Any
  // thread, also while others add and ask. Entries that were added meanwhile may be missing afterwards: add()
  // says index_gap. Errors: what `source` returns, and those of flush().
  [[nodiscard]] Result<void> reindex(std::uint64_t epoch, const EpochSource& source,
                                     const Progress& progress);

  // Positions, in an order. `cursor` is a page's `next`, or empty. Errors: index_damaged, bad_cursor,
  // invalid.
  [[nodiscard]] Result<Page> list(const Query& query, Sort sort, std::string_view cursor,
                                  std::size_t limit) const;
  [[nodiscard]] Result<std::uint64_t> count(const Query& query) const;
  [[nodiscard]] Result<Groups> count_by(const Query& query, GroupBy column) const;
  // The session whose id, or one of whose calls' ids, starts or ends with `digits` (hexadecimal, at least 6).
  // Errors: not_found, ambiguous, bad_id, index_damaged.
  [[nodiscard]] Result<Id> find(std::string_view digits) const;
  // All records of a session, oldest first. Errors: not_found, index_damaged.
  [[nodiscard]] Result<std::vector<Position>> records_of(const Id& session) const;

 private:
  explicit Index(IndexOptions options) : options_(std::move(options)) {}
  [[nodiscard]] Result<void> open_epochs();
  [[nodiscard]] Result<void> open_epoch(std::uint64_t epoch);
  [[nodiscard]] Result<void> flush_epoch(std::uint64_t epoch);
  [[nodiscard]] Result<void> remove_epoch(std::uint64_t epoch);
  [[nodiscard]] Result<void> replace_epoch(std::uint64_t epoch, const std::string& path);
  [[nodiscard]] std::string path_of(std::uint64_t epoch) const;
  [[nodiscard]] Result<void> build(std::uint64_t epoch, const std::string& path, const EpochSource& source,
                                   const Progress& progress) const;
  [[nodiscard]] Result<Blocks> blocks(const std::function<bool(const Summary&)>& wanted) const;
  template <typename Ask>
  [[nodiscard]] auto ask(const std::function<bool(const Summary&)>& wanted, Ask search) const
      -> decltype(search(Blocks()));

  IndexOptions options_;
  std::mutex rebuild_mutex_;                       // one rebuild at a time; before the others
  std::mutex file_mutex_;                          // writing, replacing and removing files; before mutex_
  mutable std::mutex mutex_;                       // what is below; never held while a file is written
  mutable std::map<std::uint64_t, Epoch> epochs_;  // asking makes a block of the open rows
  std::optional<std::uint64_t> current_;           // the epoch that was added to last
};

}  // namespace callgate::index
