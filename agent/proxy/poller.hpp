// The sockets of one thread in one edge-triggered epoll: each is registered once, for everything, and never
// again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace callgate::proxy {

// What is told of a socket's edges. `events` are EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLHUP and EPOLLERR.
class Watcher {
 public:
  // May destroy the watcher itself and any other.
  virtual void on_ready(std::uint32_t events) = 0;

 protected:
  ~Watcher() = default;
};

class Poller {
 public:
  // A registration; ends with this object, which must not outlive the poller nor the descriptor.
  class Watch {
   public:
    Watch() = default;
    Watch(Watch&& other) noexcept;
    Watch& operator=(Watch&& other) noexcept;
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    ~Watch();

   private:
    friend class Poller;
    Watch(Poller& poller, std::uint32_t slot, int fd) : poller_(&poller), slot_(slot), fd_(fd) {}

    Poller* poller_ = nullptr;
    std::uint32_t slot_ = 0;
    int fd_ = -1;
  };

  // `epoll` is an epoll descriptor (epoll_create1): the confined process cannot make one.
  explicit Poller(Fd epoll) : epoll_(std::move(epoll)) {}
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  // Edges of `fd` go to `watcher` from now on. What is ready already is told at the next wait().
  [[nodiscard]] Result<Watch> add(int fd, Watcher& watcher);

  // Waits up to `timeout` milliseconds and tells the watchers. `before` is called once after waiting, before
  // the first.
  template <typename Before>
  void wait(int timeout, Before before) {
    const std::size_t count = collect(timeout);
    before();
    for (std::size_t i = 0; i < count; ++i)
      tell(i);
  }

 private:
  struct Slot {
    Watcher* watcher = nullptr;
    std::uint32_t generation = 0;
  };

  std::size_t collect(int timeout);
  void tell(std::size_t index);
  void release(std::uint32_t slot, int fd);

  Fd epoll_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
};

}  // namespace callgate::proxy
