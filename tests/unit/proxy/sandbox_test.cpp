// What is left to the process that parses hostile bytes, tried from inside and looked at from outside.
#include "proxy/sandbox.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <sstream>

#include <catch2/catch.hpp>
#include <dirent.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "callgate/v1/node.pb.h"
#include "fake_node.hpp"
#include "limit/limit_table.hpp"

using namespace callgate;

namespace {

constexpr uid_t nobody = 65534;

bool is_root() {
  if (::geteuid() == 0) return true;
  WARN("skipped: needs root");
  return false;
}

// Runs `attempt` in a confined child and returns how the child ended: its exit status, or minus the signal.
template <typename Attempt>
int confined(Attempt attempt) {
  const pid_t child = ::fork();
  if (child == 0) {
    const proxy::Confinement confinement{{}, nobody, nobody};
    if (!proxy::confine(confinement)) ::_exit(200);
    if (!proxy::filter_system_calls()) ::_exit(201);
    if (!proxy::verify_confinement(confinement)) ::_exit(202);
    ::_exit(attempt());
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

std::string read_text(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string field(const std::string& status, const std::string& name) {
  const std::size_t start = status.find("\n" + name + ":\t") + name.size() + 3;
  return status.substr(start, status.find('\n', start) - start);
}

std::string link_of(const std::string& path) {
  std::array<char, 256> target{};
  const ssize_t size = ::readlink(path.c_str(), target.data(), target.size() - 1);
  return size < 0 ? std::string() : std::string(target.data(), static_cast<std::size_t>(size));
}

}  // namespace

TEST_CASE("a confined process can do what serving takes") {
  if (!is_root()) return;
  CHECK(confined([] { return 7; }) == 7);
  CHECK(confined([] {
          void* const memory =
              ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
          return memory == MAP_FAILED ? 1 : ::munmap(memory, 4096);
        }) == 0);
}

TEST_CASE("what libraries may try fails in a confined process, and works in another") {
  if (!is_root()) return;
  CHECK(Fd(::socket(AF_INET, SOCK_STREAM, 0)));
  CHECK(Fd(::open("/", O_RDONLY)));
  CHECK(confined([] { return ::socket(AF_INET, SOCK_STREAM, 0) < 0 ? errno : 0; }) == EPERM);
  CHECK(confined([] { return ::socket(AF_UNIX, SOCK_STREAM, 0) < 0 ? errno : 0; }) == EPERM);
  CHECK(confined([] { return ::open("/", O_RDONLY) < 0 ? errno : 0; }) == EPERM);
  CHECK(confined([] { return ::openat(AT_FDCWD, "/dev/null", O_RDONLY) < 0 ? errno : 0; }) == EPERM);
}

TEST_CASE("what only an intruder would try ends a confined process") {
  if (!is_root()) return;
  CHECK(confined([] { return static_cast<int>(::syscall(SYS_bpf, BPF_PROG_LOAD, nullptr, 0)); }) == -SIGSYS);
  CHECK(confined([] { return static_cast<int>(::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr)); }) == -SIGSYS);
  CHECK(confined([] {
          char* const arguments[] = {nullptr};
          return ::execve("/bin/true", arguments, arguments);
        }) == -SIGSYS);
  CHECK(confined([] { return static_cast<int>(::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)); }) == -SIGSYS);
  CHECK(confined([] { return static_cast<int>(::syscall(SYS_io_uring_setup, 1, nullptr)); }) == -SIGSYS);
  // What a ring's reader has mapped.
  CHECK(confined([] { return ::madvise(nullptr, 0, MADV_DONTNEED); }) == 0);
  CHECK(confined([] { return ::madvise(nullptr, 0, MADV_REMOVE); }) == -SIGSYS);
  CHECK(confined([] { return ::ftruncate(0, 0); }) == -SIGSYS);
  CHECK(confined([] { return static_cast<int>(::process_vm_readv(1, nullptr, 0, nullptr, 0, 0)); }) ==
        -SIGSYS);
  CHECK(confined([] { return ::kill(::getppid(), SIGTERM); }) == -SIGSYS);
  CHECK(confined([] { return ::unshare(CLONE_NEWUSER); }) == -SIGSYS);
  CHECK(confined([] { return ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); }) == -SIGSYS);
  CHECK(confined([] {
          const int on = 1;
          return ::setsockopt(0, SOL_SOCKET, SO_MARK, &on, sizeof(on));
        }) == -SIGSYS);
}

TEST_CASE("memory of a confined process never becomes code") {
  if (!is_root()) return;
  CHECK(confined([] {
          return ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
                         MAP_FAILED
                     ? 1
                     : 0;
        }) == -SIGSYS);
  CHECK(confined([] {
          void* const memory =
              ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
          return ::mprotect(memory, 4096, PROT_READ | PROT_EXEC);
        }) == -SIGSYS);
}

TEST_CASE("the program itself is confined before it reads its channel") {
  if (!is_root()) return;
  std::array<int, 2> channel{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, channel.data()) == 0);
  const Fd secret(::open("/etc/shadow", O_RDONLY));  // inherited by mistake
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(channel[0]);
    const std::string number = std::to_string(channel[1]);
    // A leak check at its end would trace the process, which its filter does not allow.
    ::setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
    ::execl(CALLGATE_PROXY_BINARY, "callgate-proxy", "--channel", number.c_str(), "--uid", "65534", "--gid",
            "65534", nullptr);
    ::_exit(127);
  }
  ::close(channel[1]);
  const Fd node(channel[0]);
  const std::string ring_path = "/tmp/callgate-sandbox-ring-" + std::to_string(child);
  auto ring = record::create_ring(ring_path, 1U << 20U, {1, 0});
  REQUIRE(ring.has_value());
  v1::ToProxy start;
  start.mutable_start()->set_generation(1);
  *start.mutable_start()->mutable_limits() = test::NodeOptions::generous_limits();
  std::string bytes = start.SerializeAsString();
  alignas(cmsghdr) std::array<char, CMSG_SPACE(2 * sizeof(int))> control{};
  iovec part{bytes.data(), bytes.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  cmsghdr* rights = CMSG_FIRSTHDR(&header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(2 * sizeof(int));
  auto limits = limit::LimitTable::open_file(ring_path + ".limits");
  REQUIRE(limits.has_value());
  const std::array<int, 2> files{ring->get(), limits->get()};
  std::memcpy(CMSG_DATA(rights), files.data(), sizeof(files));
  REQUIRE(::sendmsg(node.get(), &header, MSG_NOSIGNAL) > 0);
  std::array<char, 1024> answer{};
  const ssize_t size = ::recv(node.get(), answer.data(), answer.size(), 0);
  v1::ToNode ready;
  REQUIRE(size > 0);
  REQUIRE(ready.ParseFromArray(answer.data(), static_cast<int>(size)));
  CHECK(ready.has_ready());

  const std::string proc = "/proc/" + std::to_string(child);
  const std::string status = read_text(proc + "/status");
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"}) {
    CHECK(field(status, set) == "0000000000000000");
  }
  CHECK(field(status, "Uid") == "65534\t65534\t65534\t65534");
  CHECK(field(status, "Gid") == "65534\t65534\t65534\t65534");
  CHECK(field(status, "Groups").find_first_not_of(' ') == std::string::npos);
  CHECK(field(status, "NoNewPrivs") == "1");
  CHECK(field(status, "Seccomp") == "2");
  for (const char* space : {"net", "mnt", "ipc", "uts"}) {
    CHECK(link_of(proc + "/ns/" + space) != link_of("/proc/self/ns/" + std::string(space)));
  }
  int entries = 0;
  DIR* const root = ::opendir((proc + "/root/").c_str());
  REQUIRE(root != nullptr);
  while (const dirent* entry = ::readdir(root)) {
    if (entry->d_name[0] != '.') ++entries;
  }
  ::closedir(root);
  CHECK(entries == 0);
  CHECK(read_text(proc + "/mountinfo").find(" / / ro,") != std::string::npos);
  CHECK(read_text(proc + "/limits").find("Max core file size        0                    0") !=
        std::string::npos);
  DIR* const descriptors = ::opendir((proc + "/fd").c_str());
  REQUIRE(descriptors != nullptr);
  while (const dirent* entry = ::readdir(descriptors)) {
    const std::string target = link_of(proc + "/fd/" + entry->d_name);
    INFO(entry->d_name << " -> " << target);
    CHECK(target.find("/etc/shadow") == std::string::npos);
  }
  ::closedir(descriptors);

  // Its life is the channel's.
  ::shutdown(node.get(), SHUT_RDWR);
  int ended = 0;
  ::waitpid(child, &ended, 0);
  CHECK(WIFEXITED(ended));
  CHECK(WEXITSTATUS(ended) == 0);
  ::unlink(ring_path.c_str());
  ::unlink((ring_path + ".limits").c_str());
}

TEST_CASE("the program refuses to run as root or with arguments it does not know") {
  for (const char* uid : {"0", "x"}) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(STDERR_FILENO);
      ::execl(CALLGATE_PROXY_BINARY, "callgate-proxy", "--channel", "3", "--uid", uid, "--gid", "65534",
              nullptr);
      ::_exit(127);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    CHECK(WEXITSTATUS(status) == 2);
  }
}
