// A flow under enforcement: HTTP/1.1 requests, one after the other, each of them a call. Whatever else a
// caller says is refused in a way that its protocol understands, where that can be told.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "proxy/exchange.hpp"
#include "proxy/session.hpp"

namespace callgate::proxy {

class HttpConversation final : public Conversation {
 public:
  explicit HttpConversation(Session& session);
  ~HttpConversation() override;

  void step() override;
  void expire() override;
  void drain() override;
  void policy_changed() override;
  void abandon(std::string_view code, std::string_view detail) override;

 private:
  enum class Phase : std::uint8_t {
    first_bytes,  // nothing of the flow has come
    idle,         // between two requests
    head,         // a part of a head is there
    call,
    lingering,  // said the last word: reads on for a moment, so that the caller can read it too
  };

  // False: nothing more to do for now, or the session is finished.
  [[nodiscard]] bool read_head();
  [[nodiscard]] bool receive();
  [[nodiscard]] bool receive_failed(IoStatus status);
  // True if the first bytes are for HTTP/1, as far as can be told; else the flow is refused.
  [[nodiscard]] bool sniff(std::string_view bytes);
  [[nodiscard]] bool step_call();
  void end_call(bool keep);
  void start_lingering();
  void linger();
  void wait_for_head();

  Session& session_;
  ThreadContext& context_;
  std::unique_ptr<Exchange> exchange_;
  Exchange::Ending ending_;  // of the last call
  Nanoseconds head_since_;
  std::uint64_t lingered_ = 0;
  Phase phase_ = Phase::first_bytes;
  bool sniffed_ = false;
};

}  // namespace callgate::proxy
