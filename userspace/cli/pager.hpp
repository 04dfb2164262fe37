// Long output through a pager, as git does.
#pragma once

#include <sys/types.h>

namespace callgate::cli {

// While it lives, standard output goes to $CALLGATE_PAGER, $PAGER or less; to nothing of them where one is
// empty or "cat", or cannot be started. The destructor waits until the reader has closed it.
class Pager {
 public:
  Pager();
  ~Pager();
  Pager(const Pager&) = delete;
  Pager& operator=(const Pager&) = delete;
  [[nodiscard]] bool running() const { return pid_ != 0; }

 private:
  pid_t pid_ = 0;
  int saved_ = -1;  // standard output as it was
};

}  // namespace callgate::cli
