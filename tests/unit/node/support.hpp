// What the tests of this room share: a directory, a cgroup, and the way to skip without root.
#pragma once

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>

#include <unistd.h>

#include "node/loop.hpp"
#include "workload/cgroup.hpp"

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

class TemporaryCgroup {
 public:
  TemporaryCgroup() {
    static int count = 0;
    const auto made = workload::make_cgroup(cgroup2_mount() + "/callgate-node-test-" +
                                            std::to_string(::getpid()) + "-" + std::to_string(++count));
    if (!made) throw std::runtime_error(made.error().message);
    path_ = made->path;
  }
  TemporaryCgroup(const TemporaryCgroup&) = delete;
  TemporaryCgroup& operator=(const TemporaryCgroup&) = delete;
  ~TemporaryCgroup() { static_cast<void>(workload::remove_cgroup(path_)); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Runs the loop until `done`, for at most 20 seconds; whether it was.
inline bool run_until(node::Loop& loop, const std::function<bool()>& done) {
  loop.run_until(done, std::chrono::seconds(20));
  return done();
}

}  // namespace callgate::testing
