#include "node/instance.hpp"

#include <cerrno>
#include <charconv>
#include <limits>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.hpp"

namespace callgate::node {
namespace {

constexpr std::chrono::milliseconds pause{5};

}  // namespace

Result<void> make_state_directory(const std::string& state_dir) {
  CALLGATE_TRY(make_directories(state_dir, 0700));
  struct stat status {};
  if (::stat(state_dir.c_str(), &status) != 0) return system_error(fmt::format("stat {}", state_dir), errno);
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0 || status.st_uid != ::geteuid()) {
    return make_error("bad_mode",
                      fmt::format("{} holds keys and records, but others may write in it: chown root {} && "
                                  "chmod 700 {}",
                                  state_dir, state_dir, state_dir));
  }
  return {};
}

Result<Instance> Instance::lock(const std::string& state_dir, std::chrono::milliseconds patience) {
  CALLGATE_TRY(make_state_directory(state_dir));
  const std::string path = state_dir + "/lock";
  Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return system_error(fmt::format("open {}", path), errno);
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return system_error(fmt::format("lock {}", path), errno);
    if (std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(pause);
      continue;
    }
    char holder[32] = {};
    const ssize_t size = ::read(file.get(), holder, sizeof(holder) - 1);
    return make_error(
        "in_use",
        fmt::format(
            "another callgated (process {}) uses {}: replace it with --replace, stop it, or give this one "
            "another state_dir",
            size > 0 ? std::string(holder, static_cast<std::size_t>(size)) : "unknown", state_dir));
  }
  const std::string pid = std::to_string(::getpid());
  if (::ftruncate(file.get(), 0) != 0 ||
      ::pwrite(file.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return system_error(fmt::format("write {}", path), errno);
  }
  return Instance(std::move(file));
}

Result<std::uint32_t> draw_generation(const std::string& state_dir) {
  const std::string path = state_dir + "/generation";
  const Fd lock(::open((path + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock || ::flock(lock.get(), LOCK_EX) != 0) return system_error(fmt::format("lock {}", path), errno);
  std::uint32_t last = 0;
  if (::access(path.c_str(), F_OK) == 0 || errno != ENOENT) {
    auto text = read_file(path, 64);
    if (!text) return text.error();
    while (!text->empty() && text->back() == '\n')
      text->pop_back();
    const auto* const end = text->data() + text->size();
    const auto parsed = std::from_chars(text->data(), end, last);
    if (parsed.ec != std::errc{} || parsed.ptr != end || last == std::numeric_limits<std::uint32_t>::max()) {
      return make_error(
          "generation_corrupt",
          fmt::format("{} does not hold a generation number: write one into it that is higher than the first "
                      "8 hexadecimal digits of every recorded session id",
                      path));
    }
  }
  CALLGATE_TRY(replace_file(path, std::to_string(last + 1) + "\n", 0600));
  return last + 1;
}

}  // namespace callgate::node
