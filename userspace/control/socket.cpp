#include "control/socket.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

namespace callgate::control {
namespace {

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return make_error("too_long", fmt::format("the socket path {} must have 1 to {} bytes", path,
                                              sizeof(address.sun_path) - 1));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

// Whoever can rename a directory on the way to the socket can put another one in its place.
Result<void> check_directories(const std::filesystem::path& directory) {
  for (auto path = directory;; path = path.parent_path()) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0)
      return system_error(fmt::format("look at {}", path.string()), errno);
    const bool foreign = status.st_uid != 0 && status.st_uid != ::geteuid();
    // A symbolic link has no mode; its owner alone counts. Nobody renames what others own in a sticky
    // directory.
    const bool others_write = !S_ISLNK(status.st_mode) && (status.st_mode & (S_IWGRP | S_IWOTH)) != 0;
    const bool sticky = (status.st_mode & S_ISVTX) != 0 && path != directory;
    if (foreign || (others_write && !sticky)) {
      return make_error(
          "unsafe_directory",
          fmt::format("{} must belong to root (or to the agent's user) and be writable for it alone, because "
                      "the control socket lies in it",
                      path.string()));
    }
    if (!path.has_relative_path()) return {};
  }
}

Result<void> remove_stale(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return {};
    return system_error(fmt::format("look at {}", path), errno);
  }
  if (!S_ISSOCK(status.st_mode)) {
    return make_error("exists",
                      fmt::format("{} exists and is no socket: remove it, or change `control.socket`", path));
  }
  if (connect_to(path)) {
    return make_error("in_use",
                      fmt::format("another agent listens on {}: stop it, or change `control.socket`", path));
  }
  if (::unlink(path.c_str()) != 0) return system_error(fmt::format("remove {}", path), errno);
  return {};
}

}  // namespace

Result<ListeningSocket> ListeningSocket::open(const std::string& path, std::optional<gid_t> group) {
  const auto address = address_of(path);
  if (!address) return address.error();
  const auto directory = std::filesystem::path(path).parent_path();
  CALLGATE_TRY(check_directories(directory));
  // Of two agents that start at once, one is later, and sees the other's socket.
  const Fd lock(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock || ::flock(lock.get(), LOCK_EX) != 0)
    return system_error(fmt::format("lock {}", directory.string()), errno);
  CALLGATE_TRY(remove_stale(path));

  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return system_error("make the control socket", errno);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)) != 0) {
    return system_error(fmt::format("bind {}", path), errno);
  }
  // Nobody connects before listen(), so owner and mode are right from the first connection on.
  struct stat status {};
  const bool placed = (!group || ::chown(path.c_str(), static_cast<uid_t>(-1), *group) == 0) &&
                      ::chmod(path.c_str(), group ? 0660 : 0666) == 0 &&
                      ::lstat(path.c_str(), &status) == 0 && ::listen(socket.get(), 128) == 0;
  if (!placed) {
    const int reason = errno;
    ::unlink(path.c_str());
    return system_error(fmt::format("set up {}", path), reason);
  }
  return ListeningSocket(std::move(socket), path, status.st_dev, status.st_ino);
}

ListeningSocket::~ListeningSocket() {
  if (!socket_) return;
  struct stat status {};
  if (::lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ && status.st_ino == inode_) {
    ::unlink(path_.c_str());
  }
}

Result<Fd> connect_to(const std::string& path) {
  const auto address = address_of(path);
  if (!address) return address.error();
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return system_error("make a socket", errno);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)) == 0)
    return socket;
  switch (errno) {
    case ENOENT:
    case ENOTDIR:
    case ECONNREFUSED:
      return make_error(
          "agent_unreachable",
          fmt::format(
              "no agent listens on {}: start it with `systemctl start callgated` or `callgated --config "
              "FILE`, or name its socket with --socket",
              path));
    case EAGAIN:
      return make_error("agent_unreachable",
                        fmt::format("the agent on {} accepts no connections now: see its log", path));
    case EACCES:
    case EPERM:
      return make_error(
          "denied",
          fmt::format("this user may not open {}: ask as root, or join the group that `control.group` "
                      "names in the agent's configuration",
                      path));
    default:
      return system_error(fmt::format("connect to {}", path), errno);
  }
}

}  // namespace callgate::control
