// The time of one thread, read once for everything that happens in one turn.
#pragma once

#include <cstdint>

#include "base/clock.hpp"
#include "proxy/settings.hpp"

namespace callgate::proxy {

class Clock {
 public:
  Clock() {
    correct();
    tick();
  }
  void tick() { now_ = monotonic_ns(); }
  // Takes over changes of the wall clock: called once in a while, not for each time that is read.
  void correct() { wall_offset_ = wall_ns() - monotonic_ns(); }

  [[nodiscard]] Nanoseconds now() const { return now_; }
  // Nanoseconds since 1970.
  [[nodiscard]] std::uint64_t wall() const { return now_ + wall_offset_; }

 private:
  Nanoseconds now_ = 0;
  std::uint64_t wall_offset_ = 0;
};

}  // namespace callgate::proxy
