#include "workload/process.hpp"

#include <cerrno>
#include <charconv>
#include <climits>
#include <string_view>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace callgate::workload {
namespace {

constexpr std::uint64_t nanoseconds_per_second = 1'000'000'000U;
constexpr std::string_view deleted_mark = " (deleted)";

Error gone(pid_t pid) {
  return make_error("no_such_process", fmt::format("process {} does not exist (any more)", pid));
}

// Field `number` (from 3) of /proc/PID/stat: the command before it may hold spaces and brackets.
Result<std::uint64_t> stat_field(std::string_view stat, int number) {
  const auto bracket = stat.rfind(')');
  if (bracket != std::string_view::npos) {
    stat.remove_prefix(bracket + 1);
    for (int field = 3; !stat.empty(); ++field) {
      const auto start = stat.find_first_not_of(' ');
      if (start == std::string_view::npos) break;
      stat.remove_prefix(start);
      const std::string_view value = stat.substr(0, stat.find_first_of(" \n"));
      if (field == number) {
        std::uint64_t result = 0;
        const auto parsed = std::from_chars(value.data(), value.data() + value.size(), result);
        if (parsed.ec == std::errc{} && parsed.ptr == value.data() + value.size()) return result;
        break;
      }
      stat.remove_prefix(value.size());
    }
  }
  return make_error("bad_proc_file", "/proc/PID/stat does not have the documented form");
}

// The line of a /proc file that starts with `key`, without it.
std::optional<std::string_view> line_after(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    if (line.substr(0, key.size()) == key) return line.substr(key.size());
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  return std::nullopt;
}

}  // namespace

Result<Process> Process::open(pid_t pid) {
  if (pid <= 0) return gone(pid);
  Fd directory(::open(fmt::format("/proc/{}", pid).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) {
    if (errno == ENOENT || errno == ESRCH) return gone(pid);
    return system_error(fmt::format("open /proc/{}", pid), errno);
  }
  return Process(pid, std::move(directory));
}

Result<std::string> Process::read(const char* name) const {
  const Fd file(::openat(directory_.get(), name, O_RDONLY | O_CLOEXEC));
  if (!file) {
    if (errno == ENOENT || errno == ESRCH) return gone(pid_);
    return system_error(fmt::format("open /proc/{}/{}", pid_, name), errno);
  }
  char buffer[16384];
  std::size_t used = 0;
  while (used < sizeof(buffer)) {
    const ssize_t size = ::read(file.get(), buffer + used, sizeof(buffer) - used);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) {
      if (errno == ESRCH) return gone(pid_);
      return system_error(fmt::format("read /proc/{}/{}", pid_, name), errno);
    }
    if (size == 0) return std::string(buffer, used);
    used += static_cast<std::size_t>(size);
  }
  return make_error("too_large", fmt::format("/proc/{}/{} is larger than expected", pid_, name));
}

Result<std::uint64_t> Process::start_ticks() const {
  const auto stat = read("stat");
  if (!stat) return stat.error();
  return stat_field(*stat, 22);
}

Result<std::string> Process::cgroup() const {
  const auto text = read("cgroup");
  if (!text) return text.error();
  const auto path = line_after(*text, "0::");
  if (!path) {
    return make_error("no_cgroup2",
                      fmt::format("process {} is in no cgroup2 hierarchy: mount cgroup2", pid_));
  }
  return std::string(*path);
}

Result<uid_t> Process::owner() const {
  const auto status = read("status");
  if (!status) return status.error();
  const auto line = line_after(*status, "Uid:");
  uid_t ids[4] = {};
  if (!line) return make_error("bad_proc_file", "/proc/PID/status has no Uid line");
  std::string_view rest = *line;
  for (uid_t& id : ids) {
    const auto start = rest.find_first_of("0123456789");
    if (start == std::string_view::npos)
      return make_error("bad_proc_file", "/proc/PID/status has a short Uid line");
    rest.remove_prefix(start);
    const auto parsed = std::from_chars(rest.data(), rest.data() + rest.size(), id);
    if (parsed.ec != std::errc{}) return make_error("bad_proc_file", "/proc/PID/status has a bad Uid line");
    rest.remove_prefix(static_cast<std::size_t>(parsed.ptr - rest.data()));
  }
  if (ids[0] != ids[1]) {
    return make_error(
        "mixed_identity",
        fmt::format("process {} runs with the user ids {} and {}: it must be one", pid_, ids[0], ids[1]));
  }
  return ids[0];
}

Result<pid_t> Process::parent() const {
  const auto stat = read("stat");
  if (!stat) return stat.error();
  const auto field = stat_field(*stat, 4);
  if (!field) return field.error();
  return static_cast<pid_t>(*field);
}

Result<std::string> Process::command() const {
  auto text = read("comm");
  if (text && !text->empty() && text->back() == '\n') text->pop_back();
  return text;
}

Result<Fd> Process::network_namespace() const {
  Fd fd(::openat(directory_.get(), "ns/net", O_RDONLY | O_CLOEXEC));
  if (!fd) {
    if (errno == ENOENT || errno == ESRCH) return gone(pid_);
    return system_error(fmt::format("open /proc/{}/ns/net", pid_), errno);
  }
  return fd;
}

bool Process::alive() const {
  const auto stat = read("stat");
  if (!stat) return false;
  const auto bracket = stat->rfind(')');
  if (bracket == std::string::npos || bracket + 2 >= stat->size()) return false;
  const char state = (*stat)[bracket + 2];
  return state != 'Z' && state != 'X' && state != 'x';
}

Result<Process::Executable> Process::executable() const {
  struct stat status {};
  if (::fstatat(directory_.get(), "exe", &status, 0) != 0) {
    if (errno == ENOENT || errno == ESRCH) return gone(pid_);
    return system_error(fmt::format("stat /proc/{}/exe", pid_), errno);
  }
  char path[PATH_MAX];
  const ssize_t size = ::readlinkat(directory_.get(), "exe", path, sizeof(path));
  if (size < 0) return gone(pid_);
  Executable executable{status.st_dev, status.st_ino, {}};
  const std::string_view text(path, static_cast<std::size_t>(size));
  const bool unlinked =
      status.st_nlink == 0 ||
      (text.size() >= deleted_mark.size() && text.substr(text.size() - deleted_mark.size()) == deleted_mark);
  if (!unlinked && text.size() < sizeof(path) && !text.empty() && text.front() == '/') executable.path = text;
  return executable;
}

std::uint64_t boot_ns_to_ticks(std::uint64_t nanoseconds) {
  static const auto ticks_per_second = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  return nanoseconds / (nanoseconds_per_second / ticks_per_second);
}

Result<std::uint64_t> namespace_inode(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return system_error("stat a namespace", errno);
  return static_cast<std::uint64_t>(status.st_ino);
}

std::optional<std::string> resolve_executable(std::uint32_t tgid, std::uint64_t start_ns,
                                              std::uint64_t device, std::uint64_t inode) {
  if (tgid > static_cast<std::uint32_t>(INT_MAX) || inode == 0) return std::nullopt;
  const auto process = Process::open(static_cast<pid_t>(tgid));
  if (!process) return std::nullopt;
  const std::uint64_t expected = boot_ns_to_ticks(start_ns);
  const auto before = process->start_ticks();
  if (!before || *before != expected) return std::nullopt;
  auto executable = process->executable();
  if (!executable || executable->device != device || executable->inode != inode || executable->path.empty()) {
    return std::nullopt;
  }
  // The path and the inode were read one after the other: an execve in between would mix two files.
  const auto again = process->executable();
  if (!again || again->inode != inode || again->device != device || again->path != executable->path)
    return std::nullopt;
  const auto after = process->start_ticks();
  if (!after || *after != expected) return std::nullopt;
  return std::move(executable->path);
}

}  // namespace callgate::workload
