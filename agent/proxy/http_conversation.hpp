// A flow of HTTP/1.1 under enforcement: requests, one after the other, each of them a call.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "proxy/exchange.hpp"
#include "proxy/session.hpp"

namespace callgate::proxy {

class HttpConversation final : public Conversation {
 public:
  // The session's input holds the beginning of a request, which came at `head_since`.
  HttpConversation(Session& session, Nanoseconds head_since);
  ~HttpConversation() override;

  void step() override;
  void expire() override;
  void drain() override;
  void policy_changed() override;
  void abandon(std::string_view code, std::string_view detail) override;

 private:
  enum class Phase : std::uint8_t {
    idle,  // between two requests
    head,  // a part of a head is there
    call,
    lingering,  // said the last word: reads on for a moment, so that the caller can read it too
  };

  // False: nothing more to do until something comes, or the session is finished.
  [[nodiscard]] bool read_head();
  [[nodiscard]] bool receive();
  [[nodiscard]] bool receive_failed(IoStatus status);
  [[nodiscard]] bool step_call();
  void end_call(bool keep);
  void start_lingering();
  void linger();
  void wait_for_head();

  Session& session_;
  ThreadContext& context_;
  std::unique_ptr<Exchange> exchange_;
  Exchange::Ending ending_;  // of the last call
  std::string host_;         // of the last call
  Nanoseconds head_since_;
  std::uint64_t lingered_ = 0;
  Phase phase_ = Phase::head;
};

}  // namespace callgate::proxy
