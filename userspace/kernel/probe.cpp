#include "kernel/probe.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/address.hpp"
#include "kernel/flow.hpp"
#include "kernel/workloads.hpp"

namespace callgate::kernel {
namespace {

constexpr std::uint64_t probe_id = UINT64_MAX;  // no workload is the last of all
constexpr std::uint64_t probe_generation = UINT64_MAX;
constexpr int patience_milliseconds = 5000;

Error failed(const std::string& what) {
  return make_error("probe_failed",
                    "a trial connection was not redirected as it should be: " + what +
                        "; the kernel programs do not work on this kernel, see callgate doctor");
}

// Connects from a process in the cgroup; its errno. After fork() only system calls: other threads may hold
// locks.
Result<int> connect_from(const std::string& cgroup, const Address& to) {
  const std::string procs = cgroup + "/cgroup.procs";
  sockaddr_storage storage{};
  const socklen_t length = to_sockaddr(to, storage);
  const pid_t child = ::fork();
  if (child < 0) return system_error("fork", errno);
  if (child == 0) {
    const int join = ::open(procs.c_str(), O_WRONLY | O_CLOEXEC);
    if (join < 0 || ::write(join, "0", 1) != 1) ::_exit(errno);
    const int fd = ::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval patience{patience_milliseconds / 1000, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    ::_exit(::connect(fd, reinterpret_cast<const sockaddr*>(&storage), length) == 0 ? 0 : errno);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return system_error("wait for the probe", errno);
  if (!WIFEXITED(status)) return failed("its process was killed");
  return WEXITSTATUS(status);
}

Result<void> check_arrival(int listener, const Address& to) {
  pollfd event{listener, POLLIN, 0};
  if (::poll(&event, 1, patience_milliseconds) != 1) return failed("nothing arrived at the gate");
  const Fd accepted(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
  if (!accepted) return system_error("accept at the probe's gate", errno);
  auto flow = read_flow(accepted.get());
  if (!flow) return failed(flow.error().message);
  if (flow->workload != probe_id || flow->destination != to)
    return failed("its flow names another destination, " + to_string(flow->destination));
  return {};
}

Result<void> connect_and_check(const Gate& gate, const Address& to, const std::string& cgroup) {
  auto error = connect_from(cgroup, to);
  if (!error) return error.error();
  if (*error != 0) return failed(std::string("connect: ") + std::strerror(*error));
  return check_arrival(gate.listener.get(), to);
}

}  // namespace

Result<void> probe_redirect(const Programs& programs, const Gate& gate, Family family,
                            const std::string& empty_cgroup) {
  const bool v6 = family == Family::v6;
  auto to = parse_address(v6 ? "[2001:db8::1]:9" : "192.0.2.1:9");
  if (!to) return to.error();
  WorkloadConfig config;
  config.workload = probe_id;
  config.gate_generation = probe_generation;
  (v6 ? config.gate_ports_v6 : config.gate_ports_v4) = {gate.port};
  auto cookie = netns_cookie(gate.listener.get());
  if (!cookie) return cookie.error();
  config.netns_cookie = *cookie;

  CALLGATE_TRY(programs.mark_gate(gate.listener.get(), {probe_generation, probe_id}));
  const Workloads workloads(programs);
  auto enrolled = workloads.enrol(empty_cgroup, config);
  if (!enrolled) return enrolled.error();
  auto outcome = connect_and_check(gate, *to, empty_cgroup);
  auto unmarked = programs.unmark_gate(gate.listener.get());
  auto left = workloads.unenrol(*enrolled);
  if (!outcome) return outcome;
  if (!unmarked) return unmarked;
  return left;
}

}  // namespace callgate::kernel
