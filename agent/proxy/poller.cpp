#include "proxy/poller.hpp"

#include <array>
#include <cerrno>

#include <sys/epoll.h>

namespace callgate::proxy {
namespace {

constexpr std::size_t batch_size = 128;
thread_local std::array<epoll_event, batch_size> batch;

}  // namespace

Poller::Watch::Watch(Watch&& other) noexcept
    : poller_(std::exchange(other.poller_, nullptr)), slot_(other.slot_), fd_(other.fd_) {}

Poller::Watch& Poller::Watch::operator=(Watch&& other) noexcept {
  if (this != &other) {
    if (poller_ != nullptr) poller_->release(slot_, fd_);
    poller_ = std::exchange(other.poller_, nullptr);
    slot_ = other.slot_;
    fd_ = other.fd_;
  }
  return *this;
}

Poller::Watch::~Watch() {
  if (poller_ != nullptr) poller_->release(slot_, fd_);
}

Result<Poller::Watch> Poller::add(int fd, Watcher& watcher) {
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const std::uint32_t index = free_.back();
  Slot& slot = slots_[index];
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.u64 = (std::uint64_t{slot.generation} << 32U) | index;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return system_error("watch a socket", errno);
  free_.pop_back();
  slot.watcher = &watcher;
  return Watch(*this, index, fd);
}

void Poller::release(std::uint32_t slot, int fd) {
  // Explicitly, because another process may hold the same open socket, and closing ours would not end the
  // registration.
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  slots_[slot].watcher = nullptr;
  ++slots_[slot].generation;
  free_.push_back(slot);
}

std::size_t Poller::collect(int timeout) {
  const int count = ::epoll_wait(epoll_.get(), batch.data(), static_cast<int>(batch.size()), timeout);
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

void Poller::tell(std::size_t index) {
  // Copied: a watcher may run the poller's methods.
  const epoll_event event = batch[index];
  const auto slot = static_cast<std::uint32_t>(event.data.u64);
  const auto generation = static_cast<std::uint32_t>(event.data.u64 >> 32U);
  // The registration that this edge belongs to may have ended earlier in the batch.
  if (slots_[slot].generation != generation || slots_[slot].watcher == nullptr) return;
  slots_[slot].watcher->on_ready(event.events);
}

}  // namespace callgate::proxy
