#include "kernel/heartbeat.hpp"

#include <atomic>
#include <cerrno>
#include <string>
#include <utility>

#include <sys/mman.h>

#include "abi.h"
#include "base/clock.hpp"

namespace callgate::kernel {
namespace {

constexpr std::size_t map_size = 4096;
static_assert(CALLGATE_HEARTBEAT_SLOTS * sizeof(std::uint64_t) <= map_size);

}  // namespace

Result<Heartbeat> Heartbeat::map(int map_fd, std::uint32_t slot) {
  if (slot >= CALLGATE_HEARTBEAT_SLOTS)
    return make_error("bad_slot",
                      "heartbeat slots go from 0 to " + std::to_string(CALLGATE_HEARTBEAT_SLOTS - 1));
  void* memory = ::mmap(nullptr, map_size, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
  if (memory == MAP_FAILED) return system_error("mmap of the heartbeat array", errno);
  return Heartbeat(memory, slot);
}

Heartbeat::Heartbeat(Heartbeat&& other) noexcept
    : memory_(std::exchange(other.memory_, nullptr)), slot_(other.slot_) {}

Heartbeat& Heartbeat::operator=(Heartbeat&& other) noexcept {
  std::swap(memory_, other.memory_);
  std::swap(slot_, other.slot_);
  return *this;
}

Heartbeat::~Heartbeat() {
  if (memory_ != nullptr) ::munmap(memory_, map_size);
}

void Heartbeat::beat() {
  store(monotonic_ns());
}

void Heartbeat::stop() {
  store(0);
}

void Heartbeat::store(std::uint64_t nanoseconds) {
  std::atomic_ref(static_cast<std::uint64_t*>(memory_)[slot_]).store(nanoseconds, std::memory_order_relaxed);
}

}  // namespace callgate::kernel
