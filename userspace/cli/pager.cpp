#include "cli/pager.hpp"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.hpp"

extern char** environ;

namespace callgate::cli {
namespace {

std::string command() {
  for (const char* const name : {"CALLGATE_PAGER", "PAGER"}) {
    if (const char* const value = std::getenv(name); value != nullptr) return value;
  }
  return "less";
}

}  // namespace

Pager::Pager() {
  std::string line = command();
  if (line.empty() || line == "cat") return;
  // Quit if it fits on the screen, keep colours, leave the text there.
  ::setenv("LESS", "FRX", 0);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return;
  const Fd in(ends[0]);
  const Fd out(ends[1]);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, in.get(), STDIN_FILENO);
  std::string shell = "sh";
  std::string option = "-c";
  // Without the program, the text goes where it would have gone.
  std::string script = "command -v " + line.substr(0, line.find(' ')) + " > /dev/null || exec cat; " + line;
  char* const words[] = {shell.data(), option.data(), script.data(), nullptr};
  const int failure = ::posix_spawnp(&pid_, "sh", &actions, nullptr, words, environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failure != 0) {
    pid_ = 0;
    return;
  }
  // A reader that has seen enough is no error, and no end of this program.
  std::signal(SIGPIPE, SIG_IGN);
  std::cout.flush();
  saved_ = ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  ::dup2(out.get(), STDOUT_FILENO);
}

Pager::~Pager() {
  if (pid_ == 0) return;
  std::cout.flush();
  std::cout.clear();
  // Ctrl-C is the pager's.
  std::signal(SIGINT, SIG_IGN);
  ::dup2(saved_, STDOUT_FILENO);
  ::close(saved_);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace callgate::cli
