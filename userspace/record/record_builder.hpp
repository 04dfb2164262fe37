// Turns the events of rings into records and payload. Holds what is open, and knows what of that changed
// since the journal was told. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "record/event_parse.hpp"
#include "record/record_sink.hpp"
#include "record/ring.hpp"
#include "record/salted_digest.hpp"
#include "record/workload_directory.hpp"

namespace callgate::v1 {
class JournalChanges;
class JournalSnapshot;
class JournalSnapshot_Call;
class JournalSnapshot_OpenSession;
class Record;
}  // namespace callgate::v1

namespace callgate::record {

// What one ring may have open; a writer that opens more is broken or hostile. Above what the configuration
// lets a proxy thread have: a million connections, each with a call, and some thousand observed calls more.
struct BuilderLimits {
  std::size_t open_sessions = (1U << 20U) + 65'536;
  std::size_t open_calls = (1U << 20U) + 65'536;
  std::uint64_t payload = 64U << 20U;  // bytes captured of a direction, whatever an event asks for
  std::uint32_t pieces = 65'536;       // of payload, captured of a call
};

class RecordBuilder {
 public:
  explicit RecordBuilder(const BuilderLimits& limits);
  ~RecordBuilder();

  struct Applied {
    std::size_t bytes = 0;       // of the events that were valid
    std::optional<Error> error;  // why the next one was not; nothing after it was looked at
  };
  // Applies whole events (as RingReader::read returns them) of the ring of `owner`, which become batch
  // `batch` of the journal. Their writer may change them at any time: nothing but the bytes of payload is
  // looked at twice. Payload must stay where it is until take_changes(). Errors: those of parse_event, and
  // foreign_id, unknown_session, unknown_call, duplicate_id, too_many_open.
  Applied apply(RingOwner owner, Bytes events, std::uint64_t batch, WorkloadDirectory& directory,
                RecordSink& sink);

  // Ends a ring that nobody writes any more: what is open in it becomes records with the outcome
  // `interrupted`.
  void end_ring(RingOwner owner, std::uint64_t batch, std::uint64_t time_ns, const Error& reason,
                RecordSink& sink);

  // Adds to `changes` what changed in a ring since the last time, and ends the blocks of payload that are
  // open in it.
  void take_changes(RingOwner owner, RecordSink& sink, v1::JournalChanges& changes);
  // The reverse, at a start: brings what is open up to date with a batch of the journal. Error
  // snapshot_damaged: the batch makes no sense.
  [[nodiscard]] Result<void> load_changes(RingOwner owner, const v1::JournalChanges& changes);
  // Drops what is open in a ring, as end_ring() did when its records were made.
  void drop_ring(RingOwner owner);

  // How far the ring of `owner` has been read, in bytes of its history; kept in snapshots.
  void set_ring_position(RingOwner owner, std::uint64_t position);
  [[nodiscard]] std::optional<std::uint64_t> ring_position(RingOwner owner) const;
  [[nodiscard]] std::vector<RingOwner> rings() const;
  [[nodiscard]] std::size_t open_calls() const;

  [[nodiscard]] v1::JournalSnapshot save() const;
  // Replaces everything. Error snapshot_damaged leaves the builder empty.
  [[nodiscard]] Result<void> load(const v1::JournalSnapshot& snapshot);

 private:
  struct Direction;
  struct Call;
  struct Session;
  struct Ring;
  struct Ready;

  void apply_events(Ring& ring, Bytes events, std::uint64_t batch, WorkloadDirectory& directory,
                    RecordSink& sink, Applied& applied);
  [[nodiscard]] Result<EventView> read_event(Bytes event);
  Result<void> apply_event(Ring& ring, Bytes event, RecordPosition& position, WorkloadDirectory& directory,
                           RecordSink& sink);
  Result<void> open_session(Ring& ring, const SessionOpened& event, WorkloadDirectory& directory);
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
  void interrupt_call(Ring& ring, std::uint64_t counter, std::uint64_t time_ns, const Error& reason,
                      RecordPosition& position, RecordSink& sink);
  void note_gap(const Gap& event, WorkloadDirectory& directory, const RecordPosition& position);
  [[nodiscard]] std::uint32_t retention_class(std::uint32_t seconds);
  Result<void> close_session(Ring& ring, const SessionClosedView& view, RecordPosition& position,
                             RecordSink& sink);
  void finish(Ring& ring, std::uint64_t counter, const RecordPosition& position, RecordSink& sink);
  // Gives the records that are ready to the sink, in order, once all digests are up to date.
  void hand_over(RecordSink& sink);
  [[nodiscard]] static Result<Call*> find_call(Ring& ring, const Id& id);
  static void touch(Ring& ring, std::uint64_t counter, Call& call);
  static void touch(Ring& ring, std::uint64_t counter, Session& session);
  static void forget_call(Ring& ring, std::uint64_t counter);
  static void save_session(std::uint64_t counter, const Session& session,
                           v1::JournalSnapshot_OpenSession& to);
  static void save_call(std::uint64_t counter, const Call& call, v1::JournalSnapshot_Call& to);
  static void load_session(const v1::JournalSnapshot_OpenSession& from, Ring& ring);
  [[nodiscard]] static Result<void> load_call(const RingOwner& owner, const v1::JournalSnapshot_Call& from,
                                              Call& to);

  BuilderLimits limits_;
  SaltSource salts_;
  DigestQueue digests_;
  std::vector<Ready> ready_;
  std::vector<std::uint8_t> copy_;   // of the event that is being looked at
  std::set<std::uint32_t> classes_;  // in days
  std::map<RingOwner, std::unique_ptr<Ring>> rings_;
};

}  // namespace callgate::record
