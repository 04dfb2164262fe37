#include "node/child.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <string_view>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace callgate::node {
namespace {

#ifndef P_PIDFD
constexpr idtype_t P_PIDFD = static_cast<idtype_t>(3);
#endif

// What the child needs, all of it prepared before the fork: after it only system calls are allowed.
struct Prepared {
  const char* program = nullptr;
  char* const* arguments = nullptr;
  char* const* environment = nullptr;
  const int* descriptors = nullptr;
  int descriptor_count = 0;
  int scratch = 0;  // first number above all of these: what is open there, the child has no use for
  int null = -1;
  int report = -1;  // gets errno where the program cannot be started
  pid_t parent = 0;
  bool die_with_parent = false;
};

std::vector<char*> pick_environment(const std::vector<std::string>& more) {
  std::vector<char*> picked;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::string_view name = text.substr(0, text.find('='));
    const bool sanitizer = name.size() > 11 && name.substr(name.size() - 11) == "SAN_OPTIONS";
    const bool wanted = std::find(more.begin(), more.end(), name) != more.end();
    if (sanitizer || wanted || name == "PATH" || name == "TZ" || name == "LANG") picked.push_back(*entry);
  }
  picked.push_back(nullptr);
  return picked;
}

[[noreturn]] void fail(const Prepared& prepared) {
  const int reason = errno;
  [[maybe_unused]] const ssize_t written = ::write(prepared.report, &reason, sizeof(reason));
  ::_exit(127);
}

[[noreturn]] void run_child(Prepared prepared) {
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int signal : {SIGHUP, SIGINT, SIGTERM, SIGPIPE, SIGCHLD})
    ::signal(signal, SIG_DFL);
  ::setsid();
  if (prepared.die_with_parent) {
    if (::prctl(PR_SET_PDEATHSIG, static_cast<unsigned long>(SIGKILL), 0UL, 0UL, 0UL) != 0) fail(prepared);
    if (::getppid() != prepared.parent) ::_exit(127);
  }
  if (::dup2(prepared.null, STDIN_FILENO) < 0) fail(prepared);
  // First out of the way, then into place: a source may have the number of another's target.
  for (int i = 0; i < prepared.descriptor_count; ++i) {
    if (::dup3(prepared.descriptors[i], prepared.scratch + i, O_CLOEXEC) < 0) fail(prepared);
  }
  const int report = prepared.scratch + prepared.descriptor_count;
  if (::dup3(prepared.report, report, O_CLOEXEC) < 0) fail(prepared);
  prepared.report = report;
  for (int i = 0; i < prepared.descriptor_count; ++i) {
    if (::dup2(prepared.scratch + i, 3 + i) < 0) fail(prepared);
  }
  const unsigned first_unused = static_cast<unsigned>(3 + prepared.descriptor_count);
  if (::syscall(SYS_close_range, first_unused, ~0U, CLOSE_RANGE_CLOEXEC) != 0) fail(prepared);
  ::execve(prepared.program, prepared.arguments, prepared.environment);
  fail(prepared);
}

pid_t clone_into(int cgroup, int& pidfd) {
  clone_args arguments{};
  arguments.flags = CLONE_PIDFD | CLONE_INTO_CGROUP;
  arguments.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
  arguments.exit_signal = SIGCHLD;
  arguments.cgroup = static_cast<__u64>(cgroup);
  return static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof(arguments)));
}

}  // namespace

Result<Child> Child::start(const Launch& launch) {
  std::vector<std::string> words{launch.program};
  words.insert(words.end(), launch.arguments.begin(), launch.arguments.end());
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words)
    arguments.push_back(word.data());
  arguments.push_back(nullptr);

  const Fd cgroup(::open(launch.cgroup.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!cgroup) return system_error(fmt::format("open cgroup {}", launch.cgroup), errno);
  const Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null) return system_error("open /dev/null", errno);
  int report[2];
  if (::pipe2(report, O_CLOEXEC) != 0) return system_error("make a pipe", errno);
  const Fd report_in(report[0]);
  Fd report_out(report[1]);

  const std::vector<char*> environment = pick_environment(launch.variables);
  Prepared prepared;
  prepared.program = words.front().c_str();
  prepared.arguments = arguments.data();
  prepared.environment = environment.data();
  prepared.descriptors = launch.descriptors.data();
  prepared.descriptor_count = static_cast<int>(launch.descriptors.size());
  prepared.null = null.get();
  prepared.report = report_out.get();
  prepared.parent = ::getpid();
  prepared.die_with_parent = launch.die_with_parent;
  int highest = std::max({null.get(), report_out.get(), 3 + prepared.descriptor_count});
  for (const int fd : launch.descriptors)
    highest = std::max(highest, fd);
  prepared.scratch = highest + 1;

  // No signal may be handled in the child by a handler of this process.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  int pidfd = -1;
  const pid_t pid = clone_into(cgroup.get(), pidfd);
  if (pid == 0) run_child(prepared);
  const int clone_error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return system_error(fmt::format("start {} in {}", launch.program, launch.cgroup), clone_error);

  Child child(pid, Fd(pidfd));
  report_out.reset();
  int reason = 0;
  ssize_t size = 0;
  do {
    size = ::read(report_in.get(), &reason, sizeof(reason));
  } while (size < 0 && errno == EINTR);
  if (size == static_cast<ssize_t>(sizeof(reason))) {
    static_cast<void>(child.wait());
    return system_error(fmt::format("start {}", launch.program), reason);
  }
  return child;
}

Child::Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, 0)), pidfd_(std::move(other.pidfd_)) {}

Child& Child::operator=(Child&& other) noexcept {
  if (this != &other) {
    if (pid_ != 0) {
      kill(SIGKILL);
      static_cast<void>(wait());
    }
    pid_ = std::exchange(other.pid_, 0);
    pidfd_ = std::move(other.pidfd_);
  }
  return *this;
}

Child::~Child() {
  if (pid_ == 0) return;
  kill(SIGKILL);
  static_cast<void>(wait());
}

void Child::kill(int signal) const {
  if (pid_ != 0) ::syscall(SYS_pidfd_send_signal, pidfd_.get(), signal, nullptr, 0);
}

std::string Child::wait() {
  if (pid_ == 0) return "not running";
  siginfo_t info{};
  int outcome = 0;
  do {
    outcome = ::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED);
  } while (outcome != 0 && errno == EINTR);
  release();
  if (outcome != 0) return "unknown";
  if (info.si_code == CLD_EXITED) return fmt::format("exit status {}", info.si_status);
  return fmt::format("signal {}", info.si_status);
}

void Child::release() {
  pid_ = 0;
  pidfd_.reset();
}

}  // namespace callgate::node
