// The next callgated's side of a replacement: what it says to the running one whose place it takes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "node/handover_channel.hpp"

namespace callgate::node {

class Predecessor {
 public:
  // Errors: not_running, system_error.
  [[nodiscard]] static Result<Predecessor> find(Loop& loop, const std::string& socket);

  [[nodiscard]] Result<void> greet(std::uint32_t abi, std::uint32_t generation);
  [[nodiscard]] Result<void> say_ready(bool dry_run, const std::vector<std::string>& notes);
  // Says that it is ready, and waits until the running one has let the state go; returns the workloads that
  // were in force. Errors: refused, timed_out, closed.
  [[nodiscard]] Result<std::vector<std::uint64_t>> ask_for_state(const std::vector<std::string>& notes);
  // All workloads are sent here now.
  [[nodiscard]] Result<void> say_switched();
  // The state is not held here (any more). Returns when the other one has it again.
  void give_back(const std::string& reason);

 private:
  Predecessor(Loop& loop, HandoverChannel channel) : loop_(&loop), channel_(std::move(channel)) {}

  Loop* loop_;
  HandoverChannel channel_;
  bool asked_ = false;
};

}  // namespace callgate::node
