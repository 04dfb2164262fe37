// Directories, cgroups and children that tests leave no trace of.
#pragma once

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/result.hpp"
#include "workload/cgroup.hpp"

// Failed assertions show the error instead of a value that may not be printable.
template <typename T>
struct Catch::StringMaker<boost::system::result<T, callgate::Error>> {
  static std::string convert(const boost::system::result<T, callgate::Error>& result) {
    return result ? "a value" : result.error().code + ": " + result.error().message;
  }
};

namespace callgate::testing {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    char name[] = "/tmp/callgate-test-XXXXXX";
    if (::mkdtemp(name) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = name;
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Where cgroup2 is mounted, or an empty text.
inline std::string cgroup2_mount() {
  std::ifstream mounts("/proc/self/mounts");
  std::string device;
  std::string path;
  std::string type;
  for (std::string rest; mounts >> device >> path >> type && std::getline(mounts, rest);) {
    if (type == "cgroup2") return path;
  }
  return {};
}

// A fresh cgroup of this test, removed at the end with what is below it.
class TemporaryCgroup {
 public:
  TemporaryCgroup() {
    static int count = 0;
    const auto made = workload::make_cgroup(cgroup2_mount() + "/callgate-test-" + std::to_string(::getpid()) +
                                            "-" + std::to_string(++count));
    if (!made) throw std::runtime_error(made.error().message);
    cgroup_ = *made;
  }
  TemporaryCgroup(const TemporaryCgroup&) = delete;
  TemporaryCgroup& operator=(const TemporaryCgroup&) = delete;
  ~TemporaryCgroup() {
    // A process that has ended can still count as there for a moment.
    auto removed = workload::remove_cgroup(cgroup_.path);
    for (int i = 0; i < 400 && !removed && removed.error().code == "busy"; ++i) {
      ::usleep(5000);
      removed = workload::remove_cgroup(cgroup_.path);
    }
  }
  [[nodiscard]] const std::string& path() const { return cgroup_.path; }
  [[nodiscard]] std::uint64_t id() const { return cgroup_.id; }

 private:
  workload::Cgroup cgroup_;
};

// A child that runs `prepare`, says so, and then waits until it is ended.
class Sleeper {
 public:
  template <typename Prepare>
  explicit Sleeper(Prepare prepare) {
    int ready[2];
    if (::pipe2(ready, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
    pid_ = ::fork();
    if (pid_ == 0) {
      prepare();
      if (::write(ready[1], "x", 1) != 1) ::_exit(1);
      for (;;)
        ::pause();
    }
    ::close(ready[1]);
    char byte = 0;
    const bool said = ::read(ready[0], &byte, 1) == 1;
    ::close(ready[0]);
    if (!said) throw std::runtime_error("the child could not be prepared");
  }
  Sleeper() : Sleeper([] {}) {}
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;
  ~Sleeper() { end(); }

  [[nodiscard]] pid_t pid() const { return pid_; }
  void end() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  pid_t pid_ = 0;
};

}  // namespace callgate::testing
