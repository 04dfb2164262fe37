#include "proxy/sandbox.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

#include <cap-ng.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <linux/close_range.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace callgate::proxy {
namespace {

Error not_confined(std::string_view what) {
  return make_error("not_confined", fmt::format("the proxy cannot be trusted with connections: {}", what));
}

Result<void> close_other_descriptors(std::vector<int> kept) {
  kept.push_back(STDERR_FILENO);
  std::sort(kept.begin(), kept.end());
  unsigned int next = 0;
  for (const int fd : kept) {
    const auto keep = static_cast<unsigned int>(fd);
    if (keep > next && ::close_range(next, keep - 1, 0) != 0)
      return system_error("close inherited descriptors", errno);
    next = std::max(next, keep + 1);
  }
  if (::close_range(next, UINT_MAX, 0) != 0) return system_error("close inherited descriptors", errno);
  // Taken, so that nothing that is opened later is mistaken for standard input or output.
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null != STDIN_FILENO) return system_error("open /dev/null", null < 0 ? errno : EBADF);
  if (::dup3(null, STDOUT_FILENO, O_CLOEXEC) < 0) return system_error("replace standard output", errno);
  return {};
}

Result<void> empty_root() {
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return system_error("make mounts private", errno);
  constexpr unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  // Any directory will do: it is gone with the old root.
  constexpr std::array<const char*, 3> places = {"/tmp", "/var", "/usr"};
  const auto place = std::find_if(places.begin(), places.end(), [](const char* path) {
    return ::mount("none", path, "tmpfs", flags, "size=4k,nr_inodes=2,mode=0555") == 0;
  });
  if (place == places.end()) return system_error("mount an empty root", errno);
  if (::chdir(*place) != 0) return system_error("enter the empty root", errno);
  if (::syscall(SYS_pivot_root, ".", ".") != 0) return system_error("change the root", errno);
  if (::umount2(".", MNT_DETACH) != 0) return system_error("let go of the old root", errno);
  if (::chdir("/") != 0) return system_error("enter the new root", errno);
  if (::mount(nullptr, "/", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | flags, nullptr) != 0) {
    return system_error("make the root read-only", errno);
  }
  return {};
}

Result<void> change_user(const Confinement& confinement) {
  // Before the old root is gone, the library has looked at what it needs.
  capng_clear(CAPNG_SELECT_ALL);
  const auto flags =
      static_cast<capng_flags_t>(CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING | CAPNG_CLEAR_AMBIENT);
  const int result =
      capng_change_id(static_cast<int>(confinement.uid), static_cast<int>(confinement.gid), flags);
  if (result != 0) return make_error("system", fmt::format("give up root: libcap-ng says {}", result));
  return {};
}

}  // namespace

Result<void> confine(const Confinement& confinement) {
  if (::geteuid() != 0) return not_confined("it has to be started as root to give everything up");
  if (confinement.uid == 0 || confinement.gid == 0)
    return not_confined("it must not stay root; choose another proxy user");
  CALLGATE_TRY(close_other_descriptors(confinement.kept));
  if (capng_get_caps_process() != 0) return make_error("system", "the process's capabilities cannot be read");
  if (::unshare(CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS) != 0) {
    return system_error("leave the host's namespaces", errno);
  }
  CALLGATE_TRY(empty_root());
  const rlimit none{0, 0};
  if (::setrlimit(RLIMIT_CORE, &none) != 0) return system_error("forbid core dumps", errno);
  CALLGATE_TRY(change_user(confinement));
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return system_error("forbid new privileges", errno);
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return system_error("forbid tracing", errno);
  return {};
}

Result<void> verify_confinement(const Confinement& confinement) {
  uid_t real_uid = 0;
  uid_t effective_uid = 0;
  uid_t saved_uid = 0;
  if (::getresuid(&real_uid, &effective_uid, &saved_uid) != 0 || real_uid != confinement.uid ||
      effective_uid != confinement.uid || saved_uid != confinement.uid) {
    return not_confined("its user is not the proxy's");
  }
  gid_t real_gid = 0;
  gid_t effective_gid = 0;
  gid_t saved_gid = 0;
  if (::getresgid(&real_gid, &effective_gid, &saved_gid) != 0 || real_gid != confinement.gid ||
      effective_gid != confinement.gid || saved_gid != confinement.gid || ::getgroups(0, nullptr) != 0) {
    return not_confined("its groups are not the proxy's");
  }
  // What the kernel says, not what the library remembers.
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> capabilities{};
  if (::syscall(SYS_capget, &header, capabilities.data()) != 0)
    return not_confined("its capabilities cannot be read");
  for (const auto& part : capabilities) {
    if (part.effective != 0 || part.permitted != 0 || part.inheritable != 0)
      return not_confined("it has capabilities");
  }
  for (int capability = 0;; ++capability) {
    const int bound = ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0);
    if (bound < 0) break;
    if (bound != 0 || ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, capability, 0, 0) != 0) {
      return not_confined("its bounding or ambient set holds capabilities");
    }
  }
  if (::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) return not_confined("it can gain privileges");
  if (::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0) return not_confined("it can be traced and dumped");
  if (::prctl(PR_GET_SECCOMP, 0, 0, 0, 0) != SECCOMP_MODE_FILTER)
    return not_confined("its system calls are not filtered");
  if (::socket(AF_UNIX, SOCK_STREAM, 0) >= 0 || errno != EPERM) return not_confined("it can make sockets");
  if (::open("/", O_RDONLY | O_CLOEXEC) >= 0 || errno != EPERM) return not_confined("it can open files");
  return {};
}

}  // namespace callgate::proxy
