// How much of something may happen: a burst, refilled steadily.
#pragma once

#include <algorithm>
#include <cstdint>

namespace callgate::node {

class TokenBucket {
 public:
  TokenBucket(std::uint64_t burst, std::uint64_t per_second)
      : burst_(burst), per_second_(per_second), tokens_(burst) {}

  // Takes `count` tokens, or none if there are fewer. `now` is monotonic_ns().
  [[nodiscard]] bool take(std::uint64_t count, std::uint64_t now) {
    if (last_ == 0) last_ = now;
    const std::uint64_t elapsed = now > last_ ? std::min<std::uint64_t>(now - last_, 1'000'000'000U) : 0;
    const std::uint64_t earned = elapsed * per_second_ / 1'000'000'000U;
    if (earned != 0 || elapsed == 1'000'000'000U) {
      tokens_ = std::min(burst_, tokens_ + earned);
      last_ = now;
    }
    if (tokens_ < count) return false;
    tokens_ -= count;
    return true;
  }

 private:
  std::uint64_t burst_;
  std::uint64_t per_second_;
  std::uint64_t tokens_;
  std::uint64_t last_ = 0;
};

}  // namespace callgate::node
