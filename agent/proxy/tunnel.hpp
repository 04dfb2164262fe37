// The bytes of one call in both directions as they are: for protocols that nobody here reads.
//
// Order, half-close and reset pass through. Nothing is read from one side that the other cannot take, or that
// the ring has no room for; what passes is in the ring before it is sent.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/call_limits.hpp"
#include "proxy/call_record.hpp"
#include "proxy/session.hpp"

namespace callgate::proxy {

class Tunnel {
 public:
  enum class Progress : std::uint8_t { waiting, again, ended };
  struct Ending {
    record::Outcome outcome = record::Outcome::completed;
    std::string code;
    std::string detail;
    bool reset = false;  // of both connections
  };
  // Whether the bytes are recorded, or only counted.
  enum class Payload : std::uint8_t { recorded, counted };

  // Sends what the session's input holds first. `caller_ended`: the caller has ended its half, and that was
  // read. `record`, `target`, `end` and `limits` outlive the tunnel; `end` gets sizes and the time of the
  // target's first byte.
  Tunnel(Session& session, CallRecord& record, Stream& target, CallEnd& end, CallLimits& limits,
         Payload payload, bool caller_ended);

  // What of the target's bytes was read before: passed on first.
  void begin_with(std::string_view from_target) { first_ = from_target; }
  [[nodiscard]] Progress step();
  // 0: the connection may be silent for as long as both ends like, which is the default.
  [[nodiscard]] Nanoseconds deadline() const;
  // The deadline has passed: ended, with the ending that says why.
  void expire();
  [[nodiscard]] const Ending& ending() const { return ending_; }

 private:
  enum class Way : std::uint8_t { to_target, to_caller };

  // False if the tunnel has ended.
  [[nodiscard]] bool pump(Way way);
  [[nodiscard]] bool pass(Way way, std::string_view bytes);
  [[nodiscard]] bool broken(const Stream& gone);
  [[nodiscard]] bool has_room(std::size_t size);
  Stream& from(Way way) { return way == Way::to_target ? session_.client() : target_; }
  Stream& to(Way way) { return way == Way::to_target ? target_ : session_.client(); }

  Session& session_;
  ThreadContext& context_;
  CallRecord& record_;
  Stream& target_;
  CallEnd& end_;
  CallLimits& limits_;
  Ending ending_;
  std::string first_;
  Nanoseconds moved_;           // when a side last took something
  Nanoseconds ring_since_ = 0;  // waits for space in the ring; 0: it does not
  int budget_ = 0;              // receives that are left to this step
  bool over_ = false;
  bool caller_first_ = true;
  const Payload payload_;
  bool ended_[2] = {false, false};   // what comes in this way has ended
  bool closed_[2] = {false, false};  // and that was passed on
};

}  // namespace callgate::proxy
