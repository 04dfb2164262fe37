// The agent's sign of life for the kernel programs: one entry of a mapped array, a store each.
#pragma once

#include <cstdint>

#include "base/result.hpp"

namespace callgate::kernel {

// A slot of the heartbeat array. One thread beats at a time. Stale after one second without a beat: workloads
// that chose to be open on agent loss then connect directly.
class Heartbeat {
 public:
  // Maps the array of `map_fd` (Programs::heartbeat_map()). Errors: bad_slot, system.
  [[nodiscard]] static Result<Heartbeat> map(int map_fd, std::uint32_t slot);

  Heartbeat(Heartbeat&& other) noexcept;
  Heartbeat& operator=(Heartbeat&& other) noexcept;
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;
  ~Heartbeat();

  void beat();
  // Makes the slot stale at once: an orderly end.
  void stop();

 private:
  Heartbeat(void* memory, std::uint32_t slot) : memory_(memory), slot_(slot) {}
  void store(std::uint64_t nanoseconds);

  void* memory_;
  std::uint32_t slot_;
};

}  // namespace callgate::kernel
