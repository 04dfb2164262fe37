#include "control/peers.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <string>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/file.hpp"
#include "base/log.hpp"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77  // Linux 6.5
#endif

namespace callgate::control {
namespace {

// The effective uid of a process, as /proc shows it.
Result<uid_t> effective_uid(pid_t pid) {
  const auto status = read_file(fmt::format("/proc/{}/status", pid), 1U << 16U);
  if (!status) return status.error();
  constexpr std::string_view key = "\nUid:\t";
  const auto line = status->find(key);
  const auto second = line == std::string::npos ? line : status->find('\t', line + key.size());
  uid_t uid = 0;
  if (second == std::string::npos ||
      std::from_chars(status->data() + second + 1, status->data() + status->size(), uid).ec != std::errc()) {
    return make_error("peer_gone", "the asking process cannot be looked up in /proc");
  }
  return uid;
}

// Kernels before 6.5 give a number only, which may have been reused since; it must then at least be the same
// user's.
Result<Fd> open_by_number(pid_t pid, uid_t uid) {
  Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) return make_error("peer_gone", "the asking process has ended");
  const auto owner = effective_uid(pid);
  if (!owner || *owner != uid)
    return make_error("peer_gone", "the asking process has ended or changed its user");
  return pidfd;
}

// Supplementary groups as they were when the connection was made. The kernel says how many there are to those
// who give it too little room.
std::vector<gid_t> peer_groups(int socket, uid_t uid) {
  std::vector<gid_t> groups(64);
  for (;;) {
    auto size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    const bool read = ::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) == 0;
    const int error = read ? 0 : errno;
    const std::size_t count = size / sizeof(gid_t);
    if (read && count <= groups.size()) {
      groups.resize(count);
      return groups;
    }
    if (error != ERANGE || count <= groups.size() || count > most_groups) {
      log_warning("control_groups_not_read",
                  {{"uid", std::to_string(uid)},
                   {"error", system_error("read the groups of a peer", error).message}});
      return {};
    }
    groups.resize(count);
  }
}

ino_t inode_of(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 ? status.st_ino : 0;
}

}  // namespace

Result<PeerProcess> identify_peer(int socket) {
  ucred credentials{};
  socklen_t size = sizeof(credentials);
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return system_error("read who connected", errno);
  }
  PeerProcess process;
  process.account = {credentials.uid, credentials.gid, peer_groups(socket, credentials.uid)};
  process.pid = credentials.pid;
  if (process.pid == 0) return process;

  int number = -1;
  size = sizeof(number);
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERPIDFD, &number, &size) == 0) {
    process.pidfd.reset(number);
    // Recent kernels give pidfds of processes that have ended, too.
    pollfd ended{number, POLLIN, 0};
    if (::poll(&ended, 1, 0) != 0) return make_error("peer_gone", "the asking process has ended");
    return process;
  }
  if (errno != ENOPROTOOPT) return make_error("peer_gone", "the asking process has ended");
  auto pidfd = open_by_number(process.pid, process.account.uid);
  if (!pidfd) return pidfd.error();
  process.pidfd = std::move(*pidfd);
  return process;
}

PeerTable::PeerTable(PeerLimits limits) : limits_(limits) {
  if (limits_.last_number == 0) {
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    const auto most = static_cast<int>(std::min<rlim_t>(files.rlim_cur, 1U << 20U));
    limits_.last_number = most - 1;
    limits_.first_number = std::max(most / 4, most - (1 << 16));
  }
  next_ = limits_.first_number;
}

Result<int> PeerTable::admit(Fd socket) {
  auto process = identify_peer(socket.get());
  if (!process) return process.error();
  const std::lock_guard lock(mutex_);
  sweep();
  CALLGATE_TRY(check_limits(process->account.uid));
  const auto number = move_to_free_number(socket.get());
  if (!number) return number;
  entries_[*number] = {
      std::make_shared<const PeerProcess>(std::move(*process)), inode_of(*number), false, {}};
  return number;
}

std::shared_ptr<const PeerProcess> PeerTable::find(std::string_view peer) const {
  constexpr std::string_view prefix = "fd:";
  if (peer.substr(0, prefix.size()) != prefix) return nullptr;
  peer.remove_prefix(prefix.size());
  int number = 0;
  const auto parsed = std::from_chars(peer.data(), peer.data() + peer.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr != peer.data() + peer.size()) return nullptr;
  const std::lock_guard lock(mutex_);
  const auto entry = entries_.find(number);
  return entry == entries_.end() ? nullptr : entry->second.process;
}

// Notices connections that gRPC has closed, and frees numbers that have rested.
void PeerTable::sweep() {
  const auto now = Clock::now();
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    auto& [number, state] = *entry;
    if (!state.closed && inode_of(number) != state.inode) {
      state.closed = true;
      state.closed_at = now;
    }
    const bool rested = state.closed && now - state.closed_at >= limits_.quarantine;
    entry = rested ? entries_.erase(entry) : std::next(entry);
  }
}

Result<void> PeerTable::check_limits(uid_t uid) const {
  std::size_t open = 0;
  std::size_t open_of_user = 0;
  std::size_t numbers_of_user = 0;
  for (const auto& [number, entry] : entries_) {
    const bool own = entry.process->account.uid == uid;
    open += entry.closed ? 0U : 1U;
    open_of_user += own && !entry.closed ? 1U : 0U;
    numbers_of_user += own ? 1U : 0U;
  }
  if (open >= limits_.connections)
    return make_error("too_many", "the control API has as many connections as it accepts");
  // One user alone must not be able to keep the others out, neither by keeping connections nor by making
  // many.
  const auto numbers = static_cast<std::size_t>(limits_.last_number - limits_.first_number + 1);
  if (uid != 0 && (open_of_user >= limits_.connections_per_user ||
                   numbers_of_user >= std::max<std::size_t>(numbers / 4, 1))) {
    return make_error("too_many", fmt::format("uid {} has as many connections as one user may have", uid));
  }
  return {};
}

Result<int> PeerTable::move_to_free_number(int socket) {
  const int count = limits_.last_number - limits_.first_number + 1;
  for (int tries = 0; tries < count; ++tries) {
    const int wanted = next_;
    next_ = next_ >= limits_.last_number ? limits_.first_number : next_ + 1;
    if (entries_.count(wanted) != 0) continue;
    Fd moved(::fcntl(socket, F_DUPFD_CLOEXEC, wanted));
    if (!moved) return system_error("number a connection", errno);
    // Something else in this process has the wanted number: try the next one rather than a number that may
    // rest.
    if (moved.get() != wanted) continue;
    return moved.release();
  }
  return make_error("too_many", "too many connections to the control API in a short time");
}

}  // namespace callgate::control
