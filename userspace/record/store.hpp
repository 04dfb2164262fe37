// The store of records and payload: what the recorder needs of it, and what readers need of it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "callgate/v1/record.pb.h"
#include "record/record_sink.hpp"

namespace callgate::record {

// The recorder's side; its thread alone. What add_payload() and add_record() took lies in memory until
// flush().
class Store : public RecordSink {
 public:
  // Writes what was added; readers see it from then on. On failure nothing is lost: call again. Errors:
  // disk_full, system errors.
  [[nodiscard]] virtual Result<void> flush() = 0;
  // Puts everything flushed on disk.
  [[nodiscard]] virtual Result<void> sync() = 0;
  // Of the newest record.
  [[nodiscard]] virtual RecordPosition last_position() const = 0;
  // Calls (for flows: sessions) with a record of batch `batch` or newer.
  [[nodiscard]] virtual Result<std::unordered_set<Id, IdHash>> recorded_since(std::uint64_t batch) const = 0;
};

// A place in the order of records; 0 is before the first. Cursors stay valid across restarts.
using Cursor = std::uint64_t;

struct SessionFilter {
  std::string workload;                // name; empty: any
  std::optional<v1::Verdict> verdict;  // of any call of the session
  std::optional<v1::Outcome> outcome;  // of any record of the session
  std::uint64_t since_ns = 0;          // opened at or after
  std::uint64_t until_ns = 0;          // opened before; 0: no limit
};

struct SessionRow {
  Id session;
  std::uint64_t opened_ns = 0;  // of the first call
  std::uint64_t closed_ns = 0;  // of the newest call
  std::uint32_t calls = 0;      // that have a record
  v1::Record first;
  v1::Record worst;  // the first one of the worst outcome
};

struct SessionPage {
  std::vector<SessionRow> rows;  // newest first
  Cursor next = 0;               // for the next page; 0: that was all
};

struct RecordFilter {
  std::optional<v1::Verdict> verdict;
  std::optional<v1::Outcome> outcome;
  std::uint64_t since_ns = 0;                      // opened at or after
  std::uint64_t until_ns = 0;                      // opened before; 0: no limit
  std::function<bool(const v1::Record&)> matches;  // anything else; empty: all
};

struct RecordPage {
  std::vector<v1::Record> records;
  Cursor next = 0;  // list(): for the next page, 0: that was all. tail(): where to go on.
};

struct PayloadPiece {
  std::uint64_t time_ns = 0;
  std::uint64_t offset = 0;  // among all bytes of the direction and kind
  std::string bytes;
};

struct StoreCounts {
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
};

// Any thread, concurrently with the recorder's. Errors: not_found, ambiguous, bad_id, payload_expired,
// record_damaged, system errors.
class StoreQueries {
 public:
  StoreQueries() = default;
  StoreQueries(const StoreQueries&) = delete;
  StoreQueries& operator=(const StoreQueries&) = delete;
  virtual ~StoreQueries() = default;

  // One row a session, newest first. `before` is a page's `next`, or 0.
  [[nodiscard]] virtual Result<SessionPage> list_sessions(const SessionFilter& filter, Cursor before,
                                                          std::size_t limit) const = 0;
  // Records, newest first.
  [[nodiscard]] virtual Result<RecordPage> list_records(const RecordFilter& filter, Cursor before,
                                                        std::size_t limit) const = 0;
  // The session whose id, or one of whose calls' ids, starts or ends with `digits` (hexadecimal, at least 6).
  [[nodiscard]] virtual Result<Id> find_session(std::string_view digits) const = 0;
  // All records of a session, oldest first.
  [[nodiscard]] virtual Result<std::vector<v1::Record>> show(const Id& session) const = 0;
  // The captured bytes of one direction and kind, in order, at most `limit` bytes of them.
  [[nodiscard]] virtual Result<std::vector<PayloadPiece>> payload(const v1::Record& record,
                                                                  Direction direction, FrameKind kind,
                                                                  std::uint64_t limit) const = 0;
  // Records after `after`, oldest first; `next` equals `after` where there are none yet.
  [[nodiscard]] virtual Result<RecordPage> tail(Cursor after, std::size_t limit) const = 0;
  // Of the newest record.
  [[nodiscard]] virtual Cursor newest() const = 0;
  // Waits until there is a record after `after`, or for `timeout_ms`; whether there is one.
  [[nodiscard]] virtual bool wait_newer(Cursor after, std::uint32_t timeout_ms) const = 0;
  // `wake` is called after records were added, on the recorder's thread, until forget_wake() with the
  // returned number has returned. It must not block, and must not call into the store.
  [[nodiscard]] virtual std::uint64_t on_records(std::function<void()> wake) = 0;
  virtual void forget_wake(std::uint64_t number) = 0;
  [[nodiscard]] virtual StoreCounts counts() const = 0;
};

}  // namespace callgate::record
