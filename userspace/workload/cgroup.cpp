#include "workload/cgroup.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "base/file.hpp"

namespace callgate::workload {
namespace {

constexpr int deepest_nesting = 64;

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const auto end = std::min(text.find(separator), text.size());
    if (end != 0) parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

bool is_cgroup2(const std::string& path) {
  struct statfs status {};
  return ::statfs(path.c_str(), &status) == 0 &&
         static_cast<unsigned long>(status.f_type) == CGROUP2_SUPER_MAGIC;
}

Result<void> collect_processes(const std::string& path, int depth, std::vector<pid_t>& pids) {
  if (depth > deepest_nesting) return make_error("too_large", fmt::format("{} is nested too deeply", path));
  const auto text = read_file(path + "/cgroup.procs");
  if (!text) {
    return make_error("not_a_cgroup",
                      fmt::format("the processes of {} cannot be listed ({}); threaded cgroups cannot be "
                                  "enrolled",
                                  path, text.error().message));
  }
  for (const std::string_view line : split(*text, '\n')) {
    pid_t pid = 0;
    std::from_chars(line.data(), line.data() + line.size(), pid);
    if (pid > 0) pids.push_back(pid);
  }
  for (const std::string& child : children_of(path)) {
    const std::string below = path + "/" + child;
    auto collected = collect_processes(below, depth + 1, pids);
    if (!collected && std::filesystem::exists(below)) return collected;
  }
  return {};
}

}  // namespace

Result<Cgroup> open_cgroup(const std::string& path) {
  char* const resolved = ::realpath(path.c_str(), nullptr);
  if (resolved == nullptr) {
    if (errno == ENOENT || errno == ENOTDIR) {
      return make_error("not_found", fmt::format("there is no cgroup {}", path));
    }
    return system_error(fmt::format("look up {}", path), errno);
  }
  Cgroup cgroup{resolved, 0};
  std::free(resolved);
  struct stat status {};
  if (::stat(cgroup.path.c_str(), &status) != 0)
    return system_error(fmt::format("stat {}", cgroup.path), errno);
  if (!S_ISDIR(status.st_mode) || !is_cgroup2(cgroup.path)) {
    return make_error("not_a_cgroup", fmt::format("{} is not a directory of the cgroup2 file system", path));
  }
  cgroup.id = status.st_ino;
  return cgroup;
}

Result<Cgroup> make_cgroup(const std::string& path) {
  if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) {
    return system_error(fmt::format("create cgroup {}", path), errno);
  }
  return open_cgroup(path);
}

Result<Cgroup> make_cgroups(const std::string& path) {
  std::filesystem::path existing(path);
  std::error_code ignored;
  while (!std::filesystem::exists(existing, ignored) && existing.has_relative_path())
    existing = existing.parent_path();
  if (!is_cgroup2(existing.string())) {
    return make_error(
        "no_cgroup2",
        fmt::format("{} is not on a cgroup2 file system: set `cgroup_root` to a directory below "
                    "its mount point",
                    path));
  }
  CALLGATE_TRY(make_directories(path, 0755));
  return open_cgroup(path);
}

Result<void> remove_cgroup(const std::string& path) {
  if (!is_cgroup2(path)) {
    if (::access(path.c_str(), F_OK) != 0) return {};
    return make_error("not_a_cgroup", fmt::format("{} is not a cgroup", path));
  }
  for (const std::string& child : children_of(path))
    CALLGATE_TRY(remove_cgroup(path + "/" + child));
  if (::rmdir(path.c_str()) == 0 || errno == ENOENT) return {};
  if (errno == EBUSY) return make_error("busy", fmt::format("processes are still in cgroup {}", path));
  return system_error(fmt::format("remove cgroup {}", path), errno);
}

Result<bool> is_populated(const std::string& path) {
  const auto text = read_file(path + "/cgroup.events", 4096);
  if (!text) {
    if (::access(path.c_str(), F_OK) != 0)
      return make_error("not_found", fmt::format("there is no cgroup {}", path));
    return text.error();
  }
  return text->find("populated 1") != std::string::npos;
}

Result<std::vector<pid_t>> processes_of(const std::string& path) {
  std::vector<pid_t> pids;
  CALLGATE_TRY(collect_processes(path, 0, pids));
  return pids;
}

Result<void> move_process(const std::string& path, pid_t pid) {
  const std::string file = path + "/cgroup.procs";
  const Fd procs(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  if (!procs) return system_error(fmt::format("open {}", file), errno);
  const std::string text = std::to_string(pid);
  if (::write(procs.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return system_error(fmt::format("move process {} to {}", pid, path), errno);
  }
  return {};
}

std::vector<std::string> children_of(const std::string& path) {
  std::vector<std::string> names;
  std::error_code ignored;
  for (std::filesystem::directory_iterator it(path, ignored), end; it != end && !ignored;
       it.increment(ignored)) {
    std::error_code status;
    if (it->is_directory(status) && !it->is_symlink(status)) names.push_back(it->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool is_within(std::string_view path, std::string_view ancestor) {
  if (ancestor == "/") return true;
  return path.substr(0, ancestor.size()) == ancestor &&
         (path.size() == ancestor.size() || path[ancestor.size()] == '/');
}

}  // namespace callgate::workload
