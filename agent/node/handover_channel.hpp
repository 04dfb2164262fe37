// The line between a running callgated and the one that takes its place: packets of
// proto/callgate/v1/handover.proto.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include <sys/socket.h>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "callgate/v1/handover.pb.h"
#include "node/loop.hpp"

namespace callgate::node {

class HandoverChannel {
 public:
  explicit HandoverChannel(Fd socket) : socket_(std::move(socket)) {}

  // Errors: not_running, system_error.
  [[nodiscard]] static Result<HandoverChannel> connect(const std::string& path);

  [[nodiscard]] Result<void> send(const v1::Handover& message) const;
  // What has come already. Errors: would_block, closed, bad_message.
  [[nodiscard]] Result<v1::Handover> receive() const;
  // Runs the loop until a message is there. Errors: closed, bad_message; timed_out; given_up, once `give_up`
  // says so.
  [[nodiscard]] Result<v1::Handover> wait(Loop& loop, std::chrono::milliseconds patience,
                                          const std::function<bool()>& give_up = {}) const;

  [[nodiscard]] int fd() const { return socket_.get(); }
  // The process that made the other end. Errors: system_error.
  [[nodiscard]] Result<ucred> peer() const;

 private:
  Fd socket_;
};

// Root's socket at `path`, in the place of what an earlier callgated left there.
[[nodiscard]] Result<Fd> listen_for_handover(const std::string& path);
// The next one that asks; only root may. Errors: would_block, denied, system_error.
[[nodiscard]] Result<HandoverChannel> accept_handover(int listener);

}  // namespace callgate::node
