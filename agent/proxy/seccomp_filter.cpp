// The system calls that are left to the proxy.
#include <array>
#include <cerrno>
#include <memory>

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/sandbox.hpp"

namespace callgate::proxy {
namespace {

// With any arguments.
constexpr std::array allowed = {
    // connections and the channel: descriptors come from outside, and are only ever used or closed
    SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(recvfrom), SCMP_SYS(recvmsg),
    SCMP_SYS(sendto), SCMP_SYS(sendmsg), SCMP_SYS(accept4), SCMP_SYS(connect), SCMP_SYS(shutdown),
    SCMP_SYS(getsockopt), SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(close), SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_ctl), SCMP_SYS(timerfd_settime), SCMP_SYS(poll), SCMP_SYS(fstat),
    // memory
    SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(brk),
    // threads, time, chance
    SCMP_SYS(futex), SCMP_SYS(sched_yield), SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep),
    SCMP_SYS(gettimeofday), SCMP_SYS(getrandom), SCMP_SYS(gettid), SCMP_SYS(getpid),
    SCMP_SYS(restart_syscall), SCMP_SYS(rseq), SCMP_SYS(set_robust_list), SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack), SCMP_SYS(rt_sigaction), SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    // what verify_confinement() looks at
    SCMP_SYS(getresuid), SCMP_SYS(getresgid), SCMP_SYS(getgroups), SCMP_SYS(capget)};

// Libraries try these on their own (time zones, terminals, processor counts) and go on without; so does a
// test of ours.
constexpr std::array refused = {
    SCMP_SYS(open),       SCMP_SYS(openat),     SCMP_SYS(openat2),    SCMP_SYS(creat),
    SCMP_SYS(socket),     SCMP_SYS(socketpair), SCMP_SYS(access),     SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2), SCMP_SYS(stat),       SCMP_SYS(lstat),      SCMP_SYS(statx),
    SCMP_SYS(readlink),   SCMP_SYS(readlinkat), SCMP_SYS(getdents64), SCMP_SYS(getcwd),
    SCMP_SYS(ioctl),      SCMP_SYS(uname),      SCMP_SYS(sysinfo),    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(prlimit64),  SCMP_SYS(getuid),     SCMP_SYS(geteuid),    SCMP_SYS(getgid),
    SCMP_SYS(getegid),    SCMP_SYS(membarrier)};

#if defined(__has_feature)
#define CALLGATE_SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CALLGATE_SANITIZED 1
#else
#define CALLGATE_SANITIZED 0
#endif
#if CALLGATE_SANITIZED
// What the sanitizers' run time does by itself, in builds that are only tested.
constexpr std::array sanitizer_needs = {SCMP_SYS(pipe), SCMP_SYS(pipe2), SCMP_SYS(getrusage)};
#else
constexpr std::array<int, 0> sanitizer_needs = {};
#endif

// libseccomp's own macros for this are C.
constexpr scmp_arg_cmp compare(unsigned int argument, scmp_compare how, scmp_datum_t with,
                               scmp_datum_t masked = 0) {
  return {argument, how, with, masked};
}

struct Release {
  void operator()(void* filter) const { seccomp_release(filter); }
};

class Filter {
 public:
  Filter() : filter_(seccomp_init(SCMP_ACT_KILL_PROCESS)) {}

  [[nodiscard]] bool made() const { return filter_ != nullptr; }
  template <typename... Conditions>
  void add(std::uint32_t action, int system_call, Conditions... conditions) {
    note(seccomp_rule_add(filter_.get(), action, system_call, sizeof...(conditions), conditions...));
  }
  void add_allowed() {
    for (const int call : allowed)
      add(SCMP_ACT_ALLOW, call);
    for (const int call : sanitizer_needs)
      add(SCMP_ACT_ALLOW, call);
    for (const int call : refused)
      add(SCMP_ACT_ERRNO(EPERM), call);
    add_memory();
    add_options();
    add_looks();
  }
  [[nodiscard]] int load() {
    // One filter for all threads, and none where any of them cannot have it.
    note(seccomp_attr_set(filter_.get(), SCMP_FLTATR_CTL_TSYNC, 1));
    note(seccomp_attr_set(filter_.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2));
    if (failure_ == 0) failure_ = seccomp_load(filter_.get());
    return failure_;
  }

 private:
  // Memory may never become code, nor be taken from under who else has it mapped.
  void add_memory() {
    add(SCMP_ACT_ALLOW, SCMP_SYS(madvise), compare(2, SCMP_CMP_NE, MADV_REMOVE));
    add(SCMP_ACT_ALLOW, SCMP_SYS(mmap), compare(2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    add(SCMP_ACT_ALLOW, SCMP_SYS(mprotect), compare(2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
  }
  void add_options() {
    add(SCMP_ACT_ALLOW, SCMP_SYS(setsockopt), compare(1, SCMP_CMP_EQ, SOL_SOCKET),
        compare(2, SCMP_CMP_EQ, SO_LINGER));
    add(SCMP_ACT_ALLOW, SCMP_SYS(setsockopt), compare(1, SCMP_CMP_EQ, IPPROTO_TCP),
        compare(2, SCMP_CMP_EQ, TCP_NODELAY));
    add(SCMP_ACT_ALLOW, SCMP_SYS(fcntl), compare(1, SCMP_CMP_EQ, F_GETFL));
    add(SCMP_ACT_ALLOW, SCMP_SYS(fcntl), compare(1, SCMP_CMP_EQ, F_SETFL));
    add(SCMP_ACT_ALLOW, SCMP_SYS(fcntl), compare(1, SCMP_CMP_EQ, F_GET_SEALS));
    // abort(), and only of this process.
    add(SCMP_ACT_ALLOW, SCMP_SYS(tgkill), compare(0, SCMP_CMP_EQ, static_cast<scmp_datum_t>(::getpid())));
  }
  // fstat() is newfstatat() of an empty path here; the same with a path would be a look at a file.
  void add_looks() {
    add(SCMP_ACT_ALLOW, SCMP_SYS(newfstatat), compare(3, SCMP_CMP_EQ, AT_EMPTY_PATH));
    add(SCMP_ACT_ERRNO(EPERM), SCMP_SYS(newfstatat), compare(3, SCMP_CMP_NE, AT_EMPTY_PATH));
    for (const int question :
         {PR_CAPBSET_READ, PR_CAP_AMBIENT, PR_GET_NO_NEW_PRIVS, PR_GET_DUMPABLE, PR_GET_SECCOMP}) {
      add(SCMP_ACT_ALLOW, SCMP_SYS(prctl), compare(0, SCMP_CMP_EQ, static_cast<scmp_datum_t>(question)));
    }
  }
  void note(int result) {
    if (failure_ == 0) failure_ = result;
  }

  std::unique_ptr<void, Release> filter_;
  int failure_ = 0;
};

}  // namespace

Result<void> filter_system_calls() {
  Filter filter;
  if (!filter.made()) return make_error("system", "libseccomp cannot make a filter");
  filter.add_allowed();
  if (const int failure = filter.load(); failure != 0) {
    return system_error("filter system calls", failure < 0 ? -failure : EBUSY);
  }
  return {};
}

}  // namespace callgate::proxy
