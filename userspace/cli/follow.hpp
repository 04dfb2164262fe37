// Records as they are made, also over a replacement or a restart of the agent.
#pragma once

#include <functional>
#include <memory>
#include <mutex>

#include "callgate/v1/control.pb.h"
#include "cli/command.hpp"

namespace callgate::cli {

class Follower {
 public:
  explicit Follower(const Context& context) : context_(context) {}

  // Calls `on_record` for each record that passes the filter, until it returns false or somebody calls
  // stop(). Where the agent goes away, `on_gap` is called, and the following goes on with the next one if
  // there is one within some seconds; what ended meanwhile is in `sessions list` only. Errors: of the first
  // connection; agent_unreachable where none comes back.
  [[nodiscard]] Result<void> run(const v1::SessionFilter& filter,
                                 const std::function<bool(const v1::Record&)>& on_record,
                                 const std::function<void()>& on_gap);
  // Any thread.
  void stop();

 private:
  // False once it is stopped.
  [[nodiscard]] bool use(std::unique_ptr<control::Client> client);
  [[nodiscard]] bool stopped();

  const Context& context_;
  std::mutex mutex_;
  std::unique_ptr<control::Client> client_;
  bool stopping_ = false;
};

}  // namespace callgate::cli
