#include "io_uring.hpp"

#include <atomic>
#include <cerrno>
#include <cstdint>

#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "place.hpp"

namespace callgate::test {
namespace {

int set_up(io_uring_params& parameters, bool polled) {
  parameters = {};
  if (polled) {
    parameters.flags = IORING_SETUP_SQPOLL;
    parameters.sq_thread_idle = 1000;
  }
  return static_cast<int>(::syscall(SYS_io_uring_setup, 4, &parameters));
}

unsigned char* map(int fd, std::size_t size, off_t what) {
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, what);
  if (memory == MAP_FAILED) fail("mmap of a ring");
  return static_cast<unsigned char*>(memory);
}

std::atomic_ref<unsigned> word(unsigned char* ring, unsigned offset) {
  return std::atomic_ref<unsigned>(*reinterpret_cast<unsigned*>(ring + offset));
}

}  // namespace

bool IoUring::available(bool polled) {
  io_uring_params parameters{};
  return static_cast<bool>(Fd(set_up(parameters, polled)));
}

IoUring::IoUring(bool polled) : polled_(polled) {
  io_uring_params parameters{};
  fd_ = Fd(set_up(parameters, polled));
  if (!fd_) fail("io_uring_setup");
  submission_ring_ =
      map(fd_.get(), parameters.sq_off.array + parameters.sq_entries * sizeof(unsigned), IORING_OFF_SQ_RING);
  completion_ring_ = map(fd_.get(), parameters.cq_off.cqes + parameters.cq_entries * sizeof(io_uring_cqe),
                         IORING_OFF_CQ_RING);
  entries_ = map(fd_.get(), parameters.sq_entries * sizeof(io_uring_sqe), IORING_OFF_SQES);
  offsets_ = {parameters.sq_off.tail, parameters.sq_off.array, parameters.sq_off.flags,
              parameters.cq_off.head, parameters.cq_off.tail,  parameters.cq_off.cqes};
}

int IoUring::connect(int fd, const sockaddr* to, socklen_t length) {
  auto* entry = static_cast<io_uring_sqe*>(entries_);
  *entry = {};
  entry->opcode = IORING_OP_CONNECT;
  entry->fd = fd;
  entry->addr = reinterpret_cast<std::uintptr_t>(to);
  entry->off = length;
  word(submission_ring_, offsets_.submission_array).store(0);
  word(submission_ring_, offsets_.submission_tail).fetch_add(1);
  unsigned flags = IORING_ENTER_GETEVENTS;
  if (polled_ && (word(submission_ring_, offsets_.submission_flags).load() & IORING_SQ_NEED_WAKEUP) != 0)
    flags |= IORING_ENTER_SQ_WAKEUP;
  if (::syscall(SYS_io_uring_enter, fd_.get(), polled_ ? 0 : 1, 1, flags, nullptr, 0) < 0)
    fail("io_uring_enter");
  const auto* completion =
      reinterpret_cast<const io_uring_cqe*>(completion_ring_ + offsets_.completion_entries);
  return completion->res < 0 ? -completion->res : 0;
}

}  // namespace callgate::test
