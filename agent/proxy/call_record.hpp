// The record of one call while it is written, as the call's policies want it.
//
// `written`, `synced`: a method returns false where the ring has no space, and the caller waits. `async`:
// nothing waits; what the ring has no space for is given up and counted, and a gap in the record tells of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/ids.hpp"
#include "policy/engine.hpp"
#include "proxy/failure.hpp"
#include "proxy/recorder.hpp"

namespace callgate::proxy {

class Session;
class ThreadContext;

// Used for one call after the other. Belongs to the thread.
class CallRecord {
 public:
  explicit CallRecord(ThreadContext& context) : context_(context) {}

  // Forgets the last call; this one is recorded as `requirement` says.
  void begin(const Id& id, const policy::RecordRequirement& requirement);

  [[nodiscard]] const Id& id() const { return id_; }
  // Records that the call is open; its flow is recorded first if that was not possible before. `tls`:
  // policy::TlsRequirement, or untouched.
  [[nodiscard]] bool open(Session& session, const policy::Decision& decision, bool enforced, std::uint8_t tls,
                          std::string_view function, std::string_view host);
  // Instead of what open() said of a decision that is not enforced, or of a trial.
  [[nodiscard]] bool decided(const policy::Decision& decision);
  [[nodiscard]] bool upstream(const UpstreamFacts& facts);
  [[nodiscard]] bool client(bool encrypted_hello, const record::CallClientText& text);
  // Where `size` bytes of payload can be received so that payload() need not copy them, if there is such a
  // place; nothing else may be recorded in between.
  [[nodiscard]] std::span<std::uint8_t> lend(std::size_t size);
  // False where a part could not be written: for calls that wait, has_room() comes first.
  [[nodiscard]] bool payload(record::Direction direction, record::PayloadKind kind, std::string_view bytes);
  // Says `record_gap` where `end` has no code and bytes were given up.
  [[nodiscard]] bool close(const CallEnd& end);

  // True if the call can go on at once with `payload` bytes to record.
  [[nodiscard]] bool has_room(std::size_t payload) const;
  // Asks for what is written by now to be on disk, the first time; true once it is, and for calls that do not
  // wait for that.
  [[nodiscard]] bool synced();

  // The call is in the record, and its end is not.
  [[nodiscard]] bool recorded() const { return recorded_; }
  // Something was given up.
  [[nodiscard]] bool has_gap() const { return gap_; }

 private:
  [[nodiscard]] bool waits() const { return requirement_.durability != policy::Durability::async; }
  // Whether the call goes on, after an event was written or was not.
  [[nodiscard]] bool settled(bool written);
  void lose(std::uint64_t calls, std::uint64_t events, std::uint64_t bytes);

  ThreadContext& context_;
  Id id_;
  policy::RecordRequirement requirement_;
  std::uint64_t workload_ = 0;
  std::uint64_t sync_position_ = 0;  // of the ring; 0: not asked for yet
  bool recorded_ = false;
  bool gap_ = false;  // payload after this is not recorded: pieces must not hide what is missing between them
};

// Why a call that waited for its record to be on disk was not made.
[[nodiscard]] Failure not_synced();

}  // namespace callgate::proxy
