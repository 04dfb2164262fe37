#include "workload/process.hpp"

#include <fstream>

#include <catch2/catch.hpp>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include "temporary.hpp"

using namespace callgate;
using namespace callgate::workload;
using callgate::testing::Sleeper;
using callgate::testing::TemporaryDirectory;

namespace {

// What the kernel programs would tell of a process: its start in ns, and the device and inode of what it
// runs.
struct Seen {
  std::uint32_t tgid = 0;
  std::uint64_t start_ns = 0;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
};

Seen see(pid_t pid) {
  const auto process = Process::open(pid);
  REQUIRE(process);
  const auto ticks = process->start_ticks();
  REQUIRE(ticks);
  const auto per_tick = 1'000'000'000U / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  struct stat status {};
  REQUIRE(::stat(("/proc/" + std::to_string(pid) + "/exe").c_str(), &status) == 0);
  // The kernel counts nanoseconds, of which /proc shows whole ticks.
  return {static_cast<std::uint32_t>(pid), *ticks * per_tick + per_tick / 2, status.st_dev, status.st_ino};
}

std::optional<std::string> resolve(const Seen& seen) {
  return resolve_executable(seen.tgid, seen.start_ns, seen.device, seen.inode);
}

// Runs a copy of /bin/sleep under `path`.
class Program {
 public:
  explicit Program(const std::string& path) {
    std::filesystem::copy_file("/bin/sleep", path);
    sleeper_ = ::fork();
    if (sleeper_ == 0) {
      ::execl(path.c_str(), "sleep", "600", nullptr);
      ::_exit(127);
    }
    struct stat wanted {};
    struct stat seen {};
    REQUIRE(::stat(path.c_str(), &wanted) == 0);
    do {
      REQUIRE(::stat(("/proc/" + std::to_string(sleeper_) + "/exe").c_str(), &seen) == 0);
    } while (seen.st_ino != wanted.st_ino);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program() {
    ::kill(sleeper_, SIGKILL);
    ::waitpid(sleeper_, nullptr, 0);
  }
  [[nodiscard]] pid_t pid() const { return sleeper_; }

 private:
  pid_t sleeper_ = 0;
};

}  // namespace

TEST_CASE("the executable of exactly the process that was seen is found") {
  const TemporaryDirectory directory;
  const Program program(directory.path() + "/a program");
  const Seen seen = see(program.pid());
  CHECK(resolve(seen) == directory.path() + "/a program");

  SECTION("another process with the number is not taken for it") {
    Seen reused = seen;
    reused.start_ns += 1'000'000'000U;
    CHECK_FALSE(resolve(reused));
    reused.start_ns = seen.start_ns - 1'000'000'000U;
    CHECK_FALSE(resolve(reused));
  }
  SECTION("another executable is not taken for it") {
    Seen other = seen;
    other.inode += 1;
    CHECK_FALSE(resolve(other));
    other = seen;
    other.device += 1;
    CHECK_FALSE(resolve(other));
  }
  SECTION("an executable that was unlinked has no path") {
    std::filesystem::remove(directory.path() + "/a program");
    CHECK_FALSE(resolve(seen));
  }
  SECTION("a file that took the name of an unlinked one is not taken for it") {
    std::filesystem::remove(directory.path() + "/a program");
    std::ofstream(directory.path() + "/a program") << "another";
    CHECK_FALSE(resolve(seen));
  }
}

TEST_CASE("a process that has ended is unknown") {
  Sleeper sleeper;
  const Seen seen = see(sleeper.pid());
  CHECK(resolve(seen));
  sleeper.end();
  CHECK_FALSE(resolve(seen));
  CHECK_FALSE(Process::open(static_cast<pid_t>(seen.tgid)));
}

TEST_CASE("numbers that no process has are unknown") {
  CHECK_FALSE(resolve_executable(0, 0, 1, 1));
  CHECK_FALSE(resolve_executable(0xffffffffU, 0, 1, 1));
  CHECK_FALSE(Process::open(-1));
}

TEST_CASE("a handle keeps to its process when that has ended") {
  Sleeper sleeper;
  const auto process = Process::open(sleeper.pid());
  REQUIRE(process);
  CHECK(process->alive());
  CHECK(process->parent().value() == ::getpid());
  CHECK(process->owner().value() == ::geteuid());
  sleeper.end();
  CHECK_FALSE(process->alive());
  CHECK_FALSE(process->start_ticks());
  CHECK_FALSE(process->executable());
  CHECK_FALSE(process->network_namespace());
}

TEST_CASE("a command's name with brackets and spaces does not shift the fields") {
  const TemporaryDirectory directory;
  const Program program(directory.path() + "/x) 1 (2) R");
  const auto process = Process::open(program.pid());
  REQUIRE(process);
  CHECK(process->parent().value() == ::getpid());
  CHECK(resolve(see(program.pid())) == directory.path() + "/x) 1 (2) R");
}

TEST_CASE("start times are compared in ticks") {
  const auto per_tick = 1'000'000'000U / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  CHECK(boot_ns_to_ticks(0) == 0);
  CHECK(boot_ns_to_ticks(per_tick - 1) == 0);
  CHECK(boot_ns_to_ticks(per_tick) == 1);
  CHECK(boot_ns_to_ticks(12345 * per_tick + 1) == 12345);
}
