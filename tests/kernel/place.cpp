#include "place.hpp"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include <fcntl.h>
#include <grp.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace callgate::test {

void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

void run(const std::string& command) {
  if (std::system(command.c_str()) != 0) throw std::runtime_error("this command failed: " + command);
}

bool can_run(const std::string& command) {
  return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
}

bool has_nftables() {
  return can_run("nft list tables");
}

namespace {
std::vector<std::string> missing;
}

void not_run(const std::string& what, const std::string& reason) {
  missing.push_back(what + " (" + reason + ")");
  std::fprintf(stderr, "NOT RUN here: %s\n", missing.back().c_str());
}

const std::vector<std::string>& what_was_not_run() {
  return missing;
}

namespace {
void raise_loopback() {
  ifreq request{};
  std::strncpy(request.ifr_name, "lo", IFNAMSIZ - 1);
  request.ifr_flags = IFF_UP;
  const Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd || ::ioctl(fd.get(), SIOCSIFFLAGS, &request) != 0) fail("raise lo");
}
}  // namespace

NetworkNamespace::NetworkNamespace() {
  const Fd here(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (::unshare(CLONE_NEWNET) != 0) fail("unshare of the network namespace");
  fd_ = Fd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  raise_loopback();
  if (::setns(here.get(), CLONE_NEWNET) != 0) fail("setns");
}

std::string NetworkNamespace::path() const {
  return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(fd_.get());
}

void NetworkNamespace::enter() const {
  if (::setns(fd_.get(), CLONE_NEWNET) != 0) fail("setns");
}

void within(const NetworkNamespace& ns, const std::function<void()>& action) {
  const Fd here(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  ns.enter();
  try {
    action();
  } catch (...) {
    ::setns(here.get(), CLONE_NEWNET);
    throw;
  }
  if (::setns(here.get(), CLONE_NEWNET) != 0) fail("setns");
}

Cgroup::Cgroup(const std::string& path) : path_(path) {
  if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) fail("mkdir " + path);
}

Cgroup::~Cgroup() {
  if (path_.empty()) return;
  // A process that just ended leaves its cgroup a moment after its parent was told.
  if (!eventually([this] { return ::rmdir(path_.c_str()) == 0 || errno == ENOENT; }))
    std::fprintf(stderr, "cannot remove %s: %s\n", path_.c_str(), std::strerror(errno));
}

void Cgroup::join() const {
  add(0);
}

void Cgroup::add(pid_t pid) const {
  const Fd fd(::open((path_ + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
  const std::string text = std::to_string(pid);
  if (!fd || ::write(fd.get(), text.data(), text.size()) < 0) fail("join " + path_);
}

void Place::enter() const {
  if (cgroup != nullptr) cgroup->join();
  if (netns != nullptr) netns->enter();
  if (user != 0 && (::setgroups(0, nullptr) != 0 || ::setresgid(user, user, user) != 0 ||
                    ::setresuid(user, user, user) != 0))
    fail("drop to another user");
}

Child::Child(const std::function<void(int channel)>& body) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) fail("socketpair");
  std::fflush(nullptr);
  pid_ = ::fork();
  if (pid_ < 0) fail("fork");
  if (pid_ == 0) {
    ::close(pair[0]);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    try {
      body(pair[1]);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "in a child: %s\n", error.what());
      ::_exit(1);
    }
    ::_exit(0);
  }
  ::close(pair[1]);
  channel_ = Fd(pair[0]);
}

Child::~Child() {
  kill();
}

void Child::kill() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
}

void Child::wait() {
  int status = 0;
  if (::waitpid(pid_, &status, 0) != pid_) fail("waitpid");
  pid_ = -1;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    throw std::runtime_error("a child ended with status " + std::to_string(status));
}

void send_bytes(int channel, const void* data, std::size_t size) {
  if (::send(channel, data, size, MSG_NOSIGNAL) != static_cast<ssize_t>(size))
    fail("send to the other process");
}

void receive_bytes(int channel, void* data, std::size_t size) {
  const ssize_t got = ::recv(channel, data, size, MSG_WAITALL);
  if (got != static_cast<ssize_t>(size))
    throw std::runtime_error("the other process ended without an answer");
}

void send_fd(int channel, int fd) {
  char byte = 0;
  iovec data{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))]{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(header), &fd, sizeof(fd));
  if (::sendmsg(channel, &message, 0) != 1) fail("send a descriptor");
}

Fd receive_fd(int channel) {
  char byte = 0;
  iovec data{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))]{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  if (::recvmsg(channel, &message, MSG_CMSG_CLOEXEC) != 1) throw std::runtime_error("no descriptor came");
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS) throw std::runtime_error("no descriptor came");
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(header), sizeof(fd));
  return Fd(fd);
}

bool eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    ::poll(nullptr, 0, 1);
  }
  return true;
}

}  // namespace callgate::test
