// Beats for the kernel programs as long as the proxy answers: on a thread of its own, so that a slow disk
// under the main thread does not look like the death of the agent.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

#include "base/result.hpp"

namespace callgate::node {

class Heart {
 public:
  // `last_answer_ns` tells, from any thread, when the proxy last answered (monotonic; 0: never).
  Heart(int heartbeat_map, std::uint32_t slot, std::function<std::uint64_t()> last_answer_ns);
  ~Heart();
  Heart(const Heart&) = delete;
  Heart& operator=(const Heart&) = delete;

  [[nodiscard]] Result<void> start();
  // Makes the heartbeat stale at once.
  void stop();

  static constexpr std::chrono::milliseconds interval{100};
  static constexpr std::chrono::milliseconds answer_age{3000};

 private:
  int map_;
  std::uint32_t slot_;
  std::function<std::uint64_t()> last_answer_ns_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace callgate::node
