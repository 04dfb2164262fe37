// The thread's line to callgated: a SOCK_SEQPACKET socket that carries messages and descriptors.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "callgate/v1/node.pb.h"

namespace callgate::proxy {

class Channel {
 public:
  struct Incoming {
    v1::ToProxy message;
    std::vector<Fd> descriptors;  // as many as the message demands
  };

  explicit Channel(Fd socket) : socket_(std::move(socket)) {}

  [[nodiscard]] int fd() const { return socket_.get(); }
  // The next message; nothing if there is none now. Errors: channel_closed (callgated is gone), bad_message.
  [[nodiscard]] Result<std::optional<Incoming>> receive();
  // Sends, or keeps the message until flush() if callgated is slow. Error channel_closed, also where too much
  // is kept.
  [[nodiscard]] Result<void> send(const v1::ToNode& message);
  [[nodiscard]] Result<void> flush();

 private:
  Fd socket_;
  std::deque<std::string> waiting_;
};

}  // namespace callgate::proxy
