#include "payload/key_command.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.hpp"
#include "base/fd.hpp"

namespace callgate::payload {
namespace {

constexpr std::size_t shown_complaint = 300;

Error failed(const std::string& program, const std::string& what) {
  return make_error("key_command_failed",
                    fmt::format("the key command {} {}; run it by hand: it must print the "
                                "base64 of 32 bytes and exit with status 0",
                                program, what));
}

struct Pipe {
  Fd from;
  Fd to;
  [[nodiscard]] bool open() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return false;
    from.reset(ends[0]);
    to.reset(ends[1]);
    return ::fcntl(from.get(), F_SETFL, O_NONBLOCK) == 0;
  }
};

// A process group of its own, which ends with this object at the latest.
class Program {
 public:
  Program() = default;
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program() { (void)end(); }

  // 0, or why it could not be started.
  [[nodiscard]] int start(const std::vector<std::string>& command, const Pipe& output, const Pipe& complaint);
  // Becomes readable when the process has ended.
  [[nodiscard]] int ended() const { return ended_.get(); }
  // Kills what is left of the group; the status as of waitpid().
  int end();

 private:
  pid_t pid_ = 0;
  Fd ended_;
};

int Program::start(const std::vector<std::string>& command, const Pipe& output, const Pipe& complaint) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, output.to.get(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, complaint.to.get(), STDERR_FILENO);
  sigset_t none;
  sigset_t all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &all);
  ::posix_spawnattr_setpgroup(&attributes, 0);
  ::posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::vector<std::string> words = command;
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words)
    arguments.push_back(word.data());
  arguments.push_back(nullptr);
  std::string path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
  char* const environment[] = {path.data(), nullptr};
  const int failure =
      ::posix_spawn(&pid_, command.front().c_str(), &actions, &attributes, arguments.data(), environment);
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failure != 0) {
    pid_ = 0;
    return failure;
  }
  ended_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  return ended_ ? 0 : errno;
}

int Program::end() {
  if (pid_ == 0) return 0;
  // Before it is waited for, its number can belong to nobody else.
  ::kill(-pid_, SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = 0;
  return status;
}

enum class Reading { more, done, too_much };

// Takes what there is, up to a few pages: who writes without end is no reason to read without one. With `cut`
// the beginning is enough.
Reading drain(Fd& from, std::string& text, std::size_t limit, bool cut) {
  char buffer[4096];
  for (std::size_t taken = 0; from && taken <= limit; taken += sizeof(buffer)) {
    const ssize_t size = ::read(from.get(), buffer, sizeof(buffer));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) return Reading::more;
    if (size <= 0) {
      from.reset();
      break;
    }
    const std::size_t room = limit - text.size();
    if (static_cast<std::size_t>(size) > room && !cut) return Reading::too_much;
    text.append(buffer, std::min(static_cast<std::size_t>(size), room));
  }
  return Reading::done;
}

std::string one_line(std::string text) {
  for (char& c : text) {
    if (c < 0x20 || c > 0x7e) c = ' ';
  }
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

std::string describe(int status, const std::string& complaint) {
  const std::string said = complaint.empty() ? "" : fmt::format(" and said: {}", one_line(complaint));
  if (WIFSIGNALED(status)) return fmt::format("was ended by signal {}{}", WTERMSIG(status), said);
  return fmt::format("exited with status {}{}", WEXITSTATUS(status), said);
}

}  // namespace

Result<std::string> run_key_command(const std::vector<std::string>& command,
                                    std::chrono::milliseconds timeout, std::size_t output_limit) {
  const std::string& name = command.front();
  if (name.empty() || name.front() != '/') {
    return make_error("key_command_failed",
                      fmt::format("the key command {} is no absolute path: write it as one", name));
  }
  Pipe output;
  Pipe complaint;
  if (!output.open() || !complaint.open()) return system_error("make a pipe for the key command", errno);
  Program program;
  if (const int failure = program.start(command, output, complaint); failure != 0)
    return failed(name, fmt::format("cannot be run: {}", std::strerror(failure)));
  output.to.reset();
  complaint.to.reset();

  std::string text;
  std::string said;
  const std::uint64_t deadline = monotonic_ns() + static_cast<std::uint64_t>(timeout.count()) * 1'000'000U;
  for (bool ended = false; !ended;) {
    const std::uint64_t now = monotonic_ns();
    if (now >= deadline) return failed(name, fmt::format("has not ended after {} ms", timeout.count()));
    pollfd waits[] = {
        {program.ended(), POLLIN, 0}, {output.from.get(), POLLIN, 0}, {complaint.from.get(), POLLIN, 0}};
    if (::poll(waits, 3, static_cast<int>((deadline - now) / 1'000'000U) + 1) < 0 && errno != EINTR)
      return system_error("wait for the key command", errno);
    ended = waits[0].revents != 0;
    // What it wrote before it ended is in the pipes by now.
    if (drain(output.from, text, output_limit, false) == Reading::too_much)
      return failed(name, fmt::format("printed more than {} bytes", output_limit));
    (void)drain(complaint.from, said, shown_complaint, true);
  }
  const int status = program.end();
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return failed(name, describe(status, said));
  return text;
}

}  // namespace callgate::payload
