// Reads what was recorded: records from the audit log, found through the index, and payload beside it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "callgate/v1/record.pb.h"
#include "index/query.hpp"
#include "payload/reader.hpp"
#include "record/log_worker.hpp"
#include "record/payload_store.hpp"

namespace callgate::record {

// A place in the order of records, as log and index count it; 0 is before the first. Valid across restarts.
using Cursor = std::uint64_t;

struct RecordPage {
  std::vector<v1::Record> records;
  std::vector<Cursor> cursors;  // where they are
  std::string next;             // for the next page; empty: that was all
};

struct TailPage {
  std::vector<v1::Record> records;
  std::vector<Cursor> cursors;  // behind each of them
  Cursor next = 0;              // behind all that was looked at
};

// Any thread. Errors: not_found, ambiguous, bad_id, bad_cursor, invalid, index_damaged, record_damaged,
// system errors.
class StoreQueries {
 public:
  // Both outlive this.
  StoreQueries(LogWorker& log, PayloadStore& payload) : log_(log), payload_(payload) {}

  // Calls and flows. `cursor` is a page's `next`, or empty.
  [[nodiscard]] Result<RecordPage> list(const index::Query& query, index::Sort sort, std::string_view cursor,
                                        std::size_t limit) const;
  [[nodiscard]] Result<std::uint64_t> count(const index::Query& query) const {
    return log_.index().count(query);
  }
  [[nodiscard]] Result<index::Groups> count_by(const index::Query& query, index::GroupBy column) const {
    return log_.index().count_by(query, column);
  }
  // The session whose id, or one of whose calls' ids, starts or ends with `digits` (hexadecimal, at least 6).
  [[nodiscard]] Result<Id> find_session(std::string_view digits) const { return log_.index().find(digits); }
  // Where the records of a session are, oldest first.
  [[nodiscard]] Result<std::vector<index::Position>> records_of(const Id& session) const {
    return log_.index().records_of(session);
  }
  // All records of a session, oldest first.
  [[nodiscard]] Result<std::vector<v1::Record>> show(const Id& session) const;

  // Calls and flows after `after`, oldest first, from at most `limit` entries of the log.
  [[nodiscard]] Result<TailPage> tail(Cursor after, std::size_t limit) const;
  // Of the newest entry.
  [[nodiscard]] Cursor newest() const { return log_.newest(); }
  // Waits until there is an entry after `after`, or for `timeout_ms`; whether there is one.
  [[nodiscard]] bool wait_newer(Cursor after, std::uint32_t timeout_ms) const {
    return log_.wait_newer(after, timeout_ms);
  }

  // Pieces of a call's payload, in the order in which they passed; call and place of `query` are the
  // record's. Errors: those of payload::visit().
  [[nodiscard]] Result<payload::Visited> payload(const v1::Record& record, payload::Query query,
                                                 const payload::Visitor& visitor) const;

 private:
  [[nodiscard]] Result<v1::Record> record_at(index::Position position) const;

  LogWorker& log_;
  PayloadStore& payload_;
};

}  // namespace callgate::record
