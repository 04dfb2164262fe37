// As much of io_uring as one connect needs.
#pragma once

#include <sys/socket.h>

#include "base/fd.hpp"

namespace callgate::test {

class IoUring {
 public:
  // `polled`: a kernel thread takes submissions (SQPOLL).
  explicit IoUring(bool polled);
  [[nodiscard]] static bool available(bool polled);
  // 0 or errno.
  [[nodiscard]] int connect(int fd, const sockaddr* to, socklen_t length);

 private:
  Fd fd_;
  bool polled_;
  unsigned char* submission_ring_;
  unsigned char* completion_ring_;
  void* entries_;
  struct Offsets {
    unsigned submission_tail, submission_array, submission_flags, completion_head, completion_tail,
        completion_entries;
  } offsets_{};
};

}  // namespace callgate::test
