#include "node/heart.hpp"

#include "base/clock.hpp"
#include "kernel/heartbeat.hpp"

namespace callgate::node {

Heart::Heart(int heartbeat_map, std::uint32_t slot, std::function<std::uint64_t()> last_answer_ns)
    : map_(heartbeat_map), slot_(slot), last_answer_ns_(std::move(last_answer_ns)) {}

Heart::~Heart() {
  stop();
}

Result<void> Heart::start() {
  auto heartbeat = kernel::Heartbeat::map(map_, slot_);
  if (!heartbeat) return heartbeat.error();
  thread_ = std::thread([this, beat = std::move(*heartbeat)]() mutable {
    const auto oldest = static_cast<std::uint64_t>(std::chrono::nanoseconds(answer_age).count());
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      const std::uint64_t answer = last_answer_ns_();
      if (answer != 0 && monotonic_ns() - answer < oldest) beat.beat();
      wake_.wait_for(lock, interval, [this] { return stopping_; });
    }
    beat.stop();
  });
  return {};
}

void Heart::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

}  // namespace callgate::node
