#include "kernel/cgroup.hpp"

#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <sstream>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/file.hpp"

namespace callgate::kernel {
namespace {

constexpr int kernfs_handle_type = 0xfe;  // FILEID_KERNFS: the handle is the 64-bit id

struct Handle {
  alignas(file_handle) std::array<char, sizeof(file_handle) + sizeof(std::uint64_t)> storage{};
  file_handle* get() { return reinterpret_cast<file_handle*>(storage.data()); }
};

// mountinfo writes blanks in paths as \040.
std::string unescape(const std::string& text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      result +=
          static_cast<char>(((text[i + 1] - '0') << 6) | ((text[i + 2] - '0') << 3) | (text[i + 3] - '0'));
      i += 3;
    } else {
      result += text[i];
    }
  }
  return result;
}

}  // namespace

Result<std::string> find_cgroup2_mount() {
  auto mounts = read_file("/proc/self/mountinfo");
  if (!mounts) return mounts.error();
  std::istringstream lines(*mounts);
  for (std::string line; std::getline(lines, line);) {
    const auto separator = line.find(" - ");
    if (separator == std::string::npos || line.compare(separator + 3, 8, "cgroup2 ") != 0) continue;
    std::istringstream fields(line);
    std::string id, parent, device, root, mount_point;
    fields >> id >> parent >> device >> root >> mount_point;
    return unescape(mount_point);
  }
  return make_error("no_cgroup2",
                    "no cgroup2 filesystem is mounted; mount one: mount -t cgroup2 none /sys/fs/cgroup");
}

Result<Fd> open_cgroup(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return make_error("no_cgroup", "cannot open the cgroup " + path + ": " + std::strerror(errno));
  CALLGATE_TRY(cgroup_id(fd.get()));
  return fd;
}

Result<Fd> open_cgroup_by_id(const std::string& mount, std::uint64_t id) {
  const Fd root(::open(mount.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root) return system_error("open " + mount, errno);
  Handle handle;
  handle.get()->handle_bytes = sizeof(id);
  handle.get()->handle_type = kernfs_handle_type;
  std::memcpy(handle.get()->f_handle, &id, sizeof(id));
  Fd fd(::open_by_handle_at(root.get(), handle.get(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) {
    if (errno == ESTALE || errno == ENOENT)
      return make_error("no_cgroup", "the cgroup with the id " + std::to_string(id) + " is gone");
    return system_error("open_by_handle_at of a cgroup", errno);
  }
  return fd;
}

Result<std::uint64_t> cgroup_id(int cgroup_fd) {
  struct statfs filesystem {};
  if (::fstatfs(cgroup_fd, &filesystem) != 0) return system_error("fstatfs of a cgroup", errno);
  if (filesystem.f_type != CGROUP2_SUPER_MAGIC)
    return make_error("not_cgroup2",
                      "the directory is not in a cgroup2 filesystem (callgate doctor shows where one is)");
  Handle handle;
  handle.get()->handle_bytes = sizeof(std::uint64_t);
  int mount_id = 0;
  if (::name_to_handle_at(cgroup_fd, "", handle.get(), &mount_id, AT_EMPTY_PATH) != 0)
    return system_error("name_to_handle_at of a cgroup", errno);
  std::uint64_t id = 0;
  std::memcpy(&id, handle.get()->f_handle, sizeof(id));
  return id;
}

Result<std::string> cgroup_path(int cgroup_fd) {
  std::array<char, PATH_MAX> path{};
  const std::string link = "/proc/self/fd/" + std::to_string(cgroup_fd);
  const ssize_t length = ::readlink(link.c_str(), path.data(), path.size());
  if (length < 0) return system_error("readlink of a cgroup", errno);
  return std::string(path.data(), static_cast<std::size_t>(length));
}

Result<std::string> cgroup_path_of_process(const std::string& mount, pid_t pid) {
  auto lines = read_file("/proc/" + std::to_string(pid) + "/cgroup");
  if (!lines) return make_error("no_process", "there is no process " + std::to_string(pid));
  std::istringstream stream(*lines);
  for (std::string line; std::getline(stream, line);)
    if (line.compare(0, 3, "0::") == 0) return line.size() == 4 ? mount : mount + line.substr(3);
  return make_error("no_cgroup2", "process " + std::to_string(pid) + " is in no cgroup2 cgroup");
}

}  // namespace callgate::kernel
