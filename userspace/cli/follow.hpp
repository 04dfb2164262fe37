// Records as they are made, each exactly once, also over a replacement or a restart of the agent.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "callgate/v1/control.pb.h"
#include "cli/command.hpp"

namespace callgate::cli {

class Follower {
 public:
  // How long an agent that went away is waited for.
  static constexpr std::chrono::seconds default_patience{15};
  static constexpr std::chrono::seconds endless = std::chrono::seconds::max();

  explicit Follower(const Context& context, std::chrono::seconds patience = default_patience)
      : context_(context), patience_(patience) {}

  // Calls `on_item` for each item of the request's stream, until it returns false, somebody calls stop(), or
  // (without follow) all have come. Where the agent goes away, `on_away` is called once, and the following
  // goes on with the next one where it was; items are neither left out nor repeated. Errors: of the first
  // connection; agent_unreachable where none comes back; invalid where the place is not one of this agent.
  [[nodiscard]] Result<void> run(v1::TailSessionsRequest request,
                                 const std::function<bool(const v1::TailItem&)>& on_item,
                                 const std::function<void()>& on_away);
  // Any thread.
  void stop();

 private:
  // False once it is stopped.
  [[nodiscard]] bool use(std::unique_ptr<control::Client> client);
  [[nodiscard]] bool stopped();
  [[nodiscard]] Result<void> read(v1::TailSessionsRequest& request,
                                  const std::function<bool(const v1::TailItem&)>& on_item);
  [[nodiscard]] bool take(const v1::TailItem& item, v1::TailSessionsRequest& request,
                          const std::function<bool(const v1::TailItem&)>& on_item);

  const Context& context_;
  std::chrono::seconds patience_;
  std::mutex mutex_;
  std::condition_variable stopped_;
  std::unique_ptr<control::Client> client_;
  bool stopping_ = false;
  bool wanted_ = true;  // by on_item
  bool heard_ = false;  // something, since the last connection was made
  // Items without a place: those before the first place, which come again if the stream breaks before it.
  std::vector<v1::TailItem> held_;
};

}  // namespace callgate::cli
