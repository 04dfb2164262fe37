// A flow that is only observed: its bytes go to its original destination and back as they are, whatever they
// mean.
//
// Order, half-close and reset pass through; nothing is delayed for the record's sake. Neither side is read
// faster than the other takes.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "proxy/http_tap.hpp"
#include "proxy/session.hpp"

namespace callgate::proxy {

class ObservedRelay final : public Conversation {
 public:
  explicit ObservedRelay(Session& session);

  void step() override;
  void expire() override;
  void drain() override;
  void policy_changed() override;
  void abandon(std::string_view code, std::string_view detail) override;

 private:
  enum class Phase : std::uint8_t { socket, connecting, relaying };
  enum class Way : std::uint8_t { to_target, to_caller };

  [[nodiscard]] bool connect();
  [[nodiscard]] bool finish_connect();
  // Turns to the policies of now. False if the flow is another conversation's from now on.
  [[nodiscard]] bool follow_policy();
  // False if the flow is over.
  [[nodiscard]] bool pump(Way way);
  // Of bytes from the caller, those that still go to the target.
  [[nodiscard]] std::string_view pass_on(std::string_view bytes);
  // Once the policy enforces: ends the flow if no call is under way.
  void stop_between_calls();
  void fail(std::string_view code, std::string_view detail);
  void finish(record::Outcome outcome, std::string_view code, std::string_view detail, bool reset);

  Session& session_;
  ThreadContext& context_;
  HttpTap tap_;
  std::unique_ptr<Stream> target_;
  bool ended_[2] = {false, false};   // what comes in this way has ended
  bool closed_[2] = {false, false};  // and that was passed on
  Phase phase_ = Phase::socket;
  Nanoseconds deadline_;
  std::uint64_t failures_before_;  // of the stock of sockets
  int budget_ = 0;
  bool leave_when_idle_ = false;
  // The policy now enforces: the request that is under way goes on to its end, and no other begins.
  bool stopping_ = false;
  bool opaque_when_stopped_ = false;
  bool held_back_ = false;  // bytes of a further request were received and not passed on
};

}  // namespace callgate::proxy
