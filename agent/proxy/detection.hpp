// The beginning of a flow under enforcement: finds out what its caller speaks, and hands the flow to the
// conversation for that. What no conversation carries is refused in a way that its protocol understands,
// where that can be told.
//
// Nothing of the flow goes anywhere before it is handed over. But where policies allow `tcp:connect` to its
// target, and the caller stays silent for a moment, the connection is made ahead, so that a target that
// speaks first is heard at once. If the caller turns out to speak HTTP or TLS, that connection has carried
// nothing, and ends.
#pragma once

#include <memory>

#include "proxy/first_bytes.hpp"
#include "proxy/opaque_conversation.hpp"
#include "proxy/session.hpp"

namespace callgate::proxy {

class Detection final : public Conversation {
 public:
  explicit Detection(Session& session);

  void step() override;
  void expire() override;
  void drain() override;
  // The flow is not decided yet: it will be by the policies of then.
  void policy_changed() override;
  void abandon(std::string_view code, std::string_view detail) override;

 private:
  void begin();
  // False once the flow is handed over, or has ended.
  [[nodiscard]] bool read_caller();
  [[nodiscard]] bool can_go_ahead() const;
  [[nodiscard]] Nanoseconds head_deadline() const;
  void look_ahead();
  void drop_ahead();
  // These end in handing the flow over, or in its end.
  void found(FirstBytes kind);
  void caller_closed();
  void refuse(FirstBytes kind);
  enum class When : std::uint8_t { allowed, named };
  // True if policies allow `tcp:connect`, or (`named`) a rule speaks of it: the flow is an opaque
  // conversation's then.
  [[nodiscard]] bool hand_over_opaque(When when, bool caller_ended);

  Session& session_;
  ThreadContext& context_;
  std::unique_ptr<OpaqueConversation> ahead_;
  Nanoseconds first_byte_at_ = 0;
  bool begun_ = false;
  bool may_go_ahead_ = false;
  bool waited_ = false;  // for a caller that lets the target speak first
};

}  // namespace callgate::proxy
