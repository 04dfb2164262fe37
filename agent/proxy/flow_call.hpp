// The call of a flow that is one call: its record from opening to end, and with it the flow's.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/ids.hpp"
#include "policy/engine.hpp"
#include "proxy/call_limits.hpp"
#include "proxy/call_record.hpp"
#include "proxy/recorder.hpp"
#include "proxy/session.hpp"
#include "proxy/tunnel.hpp"

namespace callgate::proxy {

class FlowCall {
 public:
  explicit FlowCall(Session& session);

  [[nodiscard]] const Id& id() const { return record_.id(); }
  [[nodiscard]] CallRecord& record() { return record_; }
  // Sizes and times of the call, for whoever carries it.
  [[nodiscard]] CallEnd& facts() { return end_; }
  [[nodiscard]] bool allowed(const policy::Decision& decision) const {
    return decision.verdict == policy::Verdict::allow && decision.upstream != nullptr;
  }
  // Records that the call is open. False: there is no space yet; step again.
  [[nodiscard]] bool open(const policy::Decision& decision, std::string_view function, std::string_view host);
  // Counts the connection under the limits of `decision`, which lives as long as the call; a failure where
  // there is no room.
  [[nodiscard]] std::optional<Failure> count(const policy::Decision& decision, std::string_view function,
                                             std::string_view host);
  [[nodiscard]] CallLimits& limits() { return limits_; }
  // True once the call may leave as far as its record is concerned; else the session waits, with a deadline,
  // for the record to be on disk.
  [[nodiscard]] bool synced();
  // Passes on whether an event was written; where not, the session waits for the ring, with a deadline.
  [[nodiscard]] bool recorded(bool written);
  // Ends the call and the flow, as soon as the ring has space for that. `reset`: the caller's connection
  // cannot be mistaken for one that ended in order.
  void end(const Tunnel::Ending& ending);
  [[nodiscard]] bool ending() const { return ending_set_; }
  // Tries again to end.
  void finish();
  // The deadline has passed while it ended: the flow's own end, which waits for space, tells what became of
  // the call.
  void give_up();
  // Ends the call's record as interrupted, without waiting.
  void interrupt(std::string_view code, std::string_view detail) {
    close(record::Outcome::interrupted, code, detail);
  }
  // Ends the call's record, and not the flow, without waiting.
  void close(record::Outcome outcome, std::string_view code, std::string_view detail);

 private:
  Session& session_;
  ThreadContext& context_;
  CallRecord record_;
  CallEnd end_;
  CallLimits limits_;
  Tunnel::Ending ending_;
  Nanoseconds ring_since_ = 0;
  Nanoseconds sync_since_ = 0;
  bool ending_set_ = false;
};

// "rule x of policy y denies tcp:connect to db.internal:5432".
[[nodiscard]] std::string denial_text(const policy::Decision& decision, std::string_view what);

}  // namespace callgate::proxy
