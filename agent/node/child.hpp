// Starting another program: safe in a process with threads, in a cgroup from its first instruction, with a
// handle that cannot come to mean another process.
#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace callgate::node {

struct Launch {
  std::string program;                 // absolute path
  std::vector<std::string> arguments;  // without the name
  std::string cgroup;                  // directory of the cgroup that it starts in
  std::vector<int> descriptors;  // become 3, 4, ... of the program; everything else is closed but 0, 1 and 2
  bool die_with_parent = false;  // SIGKILL when this process ends
  std::vector<std::string>
      variables;  // of this process's environment that it gets, beside those that all get
};

// A running child. The destructor kills it and collects its status.
class Child {
 public:
  // Standard input is /dev/null; standard output and error are this process's. Of the environment it gets
  // what tells sanitizers and libraries how to behave, nothing that could be a secret.
  [[nodiscard]] static Result<Child> start(const Launch& launch);

  Child() = default;
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();

  [[nodiscard]] pid_t pid() const { return pid_; }
  // Readable once it has ended.
  [[nodiscard]] int pidfd() const { return pidfd_.get(); }
  void kill(int signal) const;
  // How it ended ("exit status 1", "signal 9"), waiting for the end if need be; the child is then forgotten.
  [[nodiscard]] std::string wait();
  // Leaves it running on its own.
  void release();

 private:
  Child(pid_t pid, Fd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}

  pid_t pid_ = 0;
  Fd pidfd_;
};

}  // namespace callgate::node
