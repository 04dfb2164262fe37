// Turning the own process into the command of `callgate run`: without privileges, with nothing of callgate
// left in it.
#pragma once

#include <csignal>
#include <set>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/result.hpp"

namespace callgate::cli {

// What the process was like before it spoke with the agent. Make it before any library starts threads or
// opens files.
class Inheritance {
 public:
  Inheritance();
  // Gives the command what callgate itself was given: these descriptors and no other ones, the signal mask,
  // and how SIGPIPE is treated.
  void restore() const;

 private:
  std::set<int> descriptors_;
  sigset_t mask_{};
  struct sigaction pipe_ {};
};

struct User {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
};
// Error not_found.
[[nodiscard]] Result<User> find_user(const std::string& name);
// Becomes `user` with all groups of theirs; needs root.
[[nodiscard]] Result<void> become(const User& user);

// Empties the capability bounding set and locks the securebits that would give root its capabilities back
// with the next program. To be done before become(). Who may not do that, and is not root, is stopped by
// no_new_privs instead.
[[nodiscard]] Result<void> drop_bounding_set();
// Gives up all capabilities of this thread (effective, permitted, inheritable, ambient) and sets
// no_new_privs, so that no program that it executes can get any.
[[nodiscard]] Result<void> drop_capabilities();

// Executes the command, found by PATH. Returns only if that fails: the errno.
[[nodiscard]] int execute(const std::vector<std::string>& command);

// A workload's name made from the name of a program: "/usr/bin/Python3.11" -> "python3-11".
[[nodiscard]] std::string name_from_program(const std::string& program);

}  // namespace callgate::cli
