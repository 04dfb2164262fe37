// Turns the events of rings, in the order of the journal, into records and payload frames. Holds what is
// open.
//
// Pure but for salts: the same events, annotations and snapshots give the same records (with other salts).
// One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "record/record_sink.hpp"
#include "record/ring.hpp"
#include "record/salted_digest.hpp"

namespace callgate::v1 {
class JournalAnnotation;
class JournalAnnotations;
class JournalSnapshot;
class Record;
}  // namespace callgate::v1

namespace callgate::record {

struct CallOpenedView;
struct CallUpstreamView;
struct CallDecidedView;
struct CallClientView;
struct PayloadView;
struct CallClosedView;
struct SessionClosedView;

// What one ring may have open; a writer that opens more is broken or hostile. Above what the configuration
// lets a proxy thread have: a million connections, each with a call, and some thousand observed calls more.
struct BuilderLimits {
  std::size_t open_sessions = (1U << 20U) + 65'536;
  std::size_t open_calls = (1U << 20U) + 65'536;
  std::uint64_t payload = 64U << 20U;  // bytes captured of a direction, whatever an event asks for
  std::uint32_t frames = 65'536;       // pieces of payload captured of a call
};

// Who a session's workload and process are: the agent when events are new, the journal when they are
// replayed.
class SessionSource {
 public:
  SessionSource() = default;
  SessionSource(const SessionSource&) = delete;
  SessionSource& operator=(const SessionSource&) = delete;
  virtual ~SessionSource() = default;
  [[nodiscard]] virtual v1::JournalAnnotation annotate(const SessionOpened& event) = 0;
};

class RecordBuilder {
 public:
  explicit RecordBuilder(const BuilderLimits& limits);
  ~RecordBuilder();

  struct Applied {
    std::size_t bytes = 0;       // of the events that were valid
    std::optional<Error> error;  // why the next one was not; nothing after it was looked at
  };
  // Applies whole events (as RingReader::read returns them) of the ring of `owner`, which batch `batch` of
  // the journal holds. Errors: those of parse_event, and foreign_id, unknown_session, unknown_call,
  // duplicate_id, too_many_open.
  Applied apply(RingOwner owner, Bytes events, std::uint64_t batch, SessionSource& source, RecordSink& sink);

  // Ends a ring that nobody writes any more: what is open in it becomes records with the outcome
  // `interrupted`.
  void end_ring(RingOwner owner, std::uint64_t batch, std::uint64_t time_ns, const Error& reason,
                RecordSink& sink);

  // Drops what is open but already has its record: a journal may end before the store does, after a crash of
  // the machine.
  void forget(const std::unordered_set<Id, IdHash>& recorded);

  // How far the ring of `owner` has been read, in bytes of its history; kept in snapshots.
  void set_ring_position(RingOwner owner, std::uint64_t position);
  [[nodiscard]] std::optional<std::uint64_t> ring_position(RingOwner owner) const;
  [[nodiscard]] std::vector<RingOwner> rings() const;
  [[nodiscard]] std::size_t open_calls() const;
  // What gaps of the rings that are open told of, since this builder was made.
  [[nodiscard]] std::uint64_t lost_calls() const;

  [[nodiscard]] v1::JournalSnapshot save() const;
  // Replaces everything. Error snapshot_damaged leaves the builder empty.
  [[nodiscard]] Result<void> load(const v1::JournalSnapshot& snapshot);

 private:
  struct Direction;
  struct Call;
  struct Session;
  struct Ring;

  Result<void> apply_event(Ring& ring, Bytes event, RecordPosition& position, SessionSource& source,
                           RecordSink& sink);
  Result<void> open_session(Ring& ring, const SessionOpened& event, SessionSource& source);
  Result<void> open_call(Ring& ring, const CallOpenedView& view);
  Result<void> note_decision(Ring& ring, const CallDecidedView& view);
  Result<void> note_upstream(Ring& ring, const CallUpstreamView& view);
  Result<void> note_client(Ring& ring, const CallClientView& view);
  Result<void> add_payload(Ring& ring, const PayloadView& view, RecordSink& sink);
  Result<void> close_call(Ring& ring, const CallClosedView& view, const RecordPosition& position,
                          RecordSink& sink);
  // Counters of the calls of a session that are open, in order.
  static std::vector<std::uint64_t> open_calls_of(const Ring& ring, std::uint64_t session);
  // Ends a call without its own end. Its record takes `position`, which moves on.
  static void interrupt_call(Ring& ring, std::uint64_t counter, std::uint64_t time_ns, const Error& reason,
                             RecordPosition& position, RecordSink& sink);
  static void note_gap(Ring& ring, const Gap& event);
  Result<void> close_session(Ring& ring, const SessionClosedView& view, RecordPosition& position,
                             RecordSink& sink);
  static void finish(Ring& ring, Call& call, const RecordPosition& position, const Id& id, RecordSink& sink);
  [[nodiscard]] static Result<Call*> find_call(Ring& ring, const Id& id);

  BuilderLimits limits_;
  SaltSource salts_;
  std::map<RingOwner, std::unique_ptr<Ring>> rings_;
};

}  // namespace callgate::record
