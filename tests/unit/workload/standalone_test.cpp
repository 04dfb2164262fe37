#include "workload/standalone.hpp"

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <sched.h>

#include "temporary.hpp"
#include "workload/process.hpp"

using namespace callgate;
using namespace callgate::workload;
using callgate::testing::cgroup2_mount;
using callgate::testing::Sleeper;
using callgate::testing::TemporaryCgroup;
using Catch::Matchers::Contains;

namespace {

struct Host {
  TemporaryCgroup agent;
  std::map<std::uint64_t, Workload> enrolled;
  [[nodiscard]] Surroundings around() const { return {cgroup2_mount(), agent.path(), &enrolled}; }
};

std::uint64_t inode_of(const Fd& network_namespace) {
  return namespace_inode(network_namespace.get()).value();
}

std::uint64_t inode_of(pid_t pid) {
  return inode_of(Process::open(pid)->network_namespace().value());
}

constexpr pid_t nobody_asks = 0;

}  // namespace

TEST_CASE("a cgroup with processes of one network namespace can be enrolled") {
  const Host host;
  const TemporaryCgroup cgroup;
  const Sleeper first([] { REQUIRE(::unshare(CLONE_NEWNET) == 0); });
  REQUIRE(move_process(cgroup.path(), first.pid()));
  const auto candidate = candidate_by_cgroup(cgroup.path(), nobody_asks, host.around());
  REQUIRE(candidate);
  CHECK(candidate->cgroup.id == cgroup.id());
  CHECK(candidate->processes == std::vector<pid_t>{first.pid()});
  CHECK(inode_of(candidate->network_namespace) == inode_of(first.pid()));
  CHECK(inode_of(candidate->network_namespace) != inode_of(::getpid()));
}

TEST_CASE("an empty cgroup gets the namespace of the host") {
  const Host host;
  const TemporaryCgroup cgroup;
  const auto candidate = candidate_by_cgroup(cgroup.path(), nobody_asks, host.around());
  REQUIRE(candidate);
  CHECK(candidate->processes.empty());
  CHECK(inode_of(candidate->network_namespace) == inode_of(::getpid()));
}

TEST_CASE("processes of several network namespaces are refused, by name") {
  const Host host;
  const TemporaryCgroup cgroup;
  const Sleeper apart([] { REQUIRE(::unshare(CLONE_NEWNET) == 0); });
  const Sleeper plain;
  REQUIRE(move_process(cgroup.path(), apart.pid()));
  REQUIRE(move_process(cgroup.path(), plain.pid()));
  const auto candidate = candidate_by_cgroup(cgroup.path(), nobody_asks, host.around());
  REQUIRE_FALSE(candidate);
  CHECK(candidate.error().code == "refused");
  CHECK_THAT(candidate.error().message, Contains(std::to_string(apart.pid())));
  CHECK_THAT(candidate.error().message, Contains(std::to_string(plain.pid())));
}

TEST_CASE("the root, and the agent's cgroups with all above them, are refused") {
  const Host host;
  const auto inside = make_cgroup(host.agent.path() + "/node");
  REQUIRE(inside);
  for (const std::string& path : {cgroup2_mount(), host.agent.path(), inside->path}) {
    CAPTURE(path);
    const auto candidate = candidate_by_cgroup(path, nobody_asks, host.around());
    REQUIRE_FALSE(candidate);
    CHECK(candidate.error().code == "refused");
  }
  const TemporaryCgroup above;
  const Surroundings nested{cgroup2_mount(), above.path() + "/agent", &host.enrolled};
  CHECK(candidate_by_cgroup(above.path(), nobody_asks, nested).error().code == "refused");
  // The control: the same cgroup, with the agent elsewhere.
  CHECK(candidate_by_cgroup(above.path(), nobody_asks, host.around()));
}

TEST_CASE("what is enrolled, inside of it or above it is refused") {
  Host host;
  const TemporaryCgroup outer;
  const auto middle = make_cgroup(outer.path() + "/middle");
  const auto inner = make_cgroup(outer.path() + "/middle/inner");
  REQUIRE(inner);
  CHECK(candidate_by_cgroup(inner->path, nobody_asks, host.around()));
  Workload workload;
  workload.id = 1;
  workload.name = "shop";
  workload.cgroup = middle->path;
  workload.cgroup_id = middle->id;
  host.enrolled[1] = workload;
  CHECK(candidate_by_cgroup(middle->path, nobody_asks, host.around()).error().code == "exists");
  CHECK(candidate_by_cgroup(inner->path, nobody_asks, host.around()).error().code == "refused");
  CHECK(candidate_by_cgroup(outer.path(), nobody_asks, host.around()).error().code == "refused");
}

TEST_CASE("the cgroup in which the asking process lives is refused") {
  const Host host;
  const TemporaryCgroup cgroup;
  const Sleeper asker;
  const Sleeper other;
  REQUIRE(move_process(cgroup.path(), other.pid()));
  CHECK(candidate_by_cgroup(cgroup.path(), asker.pid(), host.around()));
  REQUIRE(move_process(cgroup.path(), asker.pid()));
  CHECK(candidate_by_cgroup(cgroup.path(), asker.pid(), host.around()).error().code == "refused");
}

TEST_CASE("a process is enrolled with its cgroup where all others descend from it") {
  const Host host;
  const TemporaryCgroup cgroup;
  const Sleeper parent([path = cgroup.path()] {
    REQUIRE(move_process(path, ::getpid()));
    if (::fork() == 0) {
      for (;;)
        ::pause();
    }
  });
  const auto candidate = candidate_by_process(parent.pid(), host.around());
  REQUIRE(candidate);
  CHECK(candidate->cgroup.path == cgroup.path());
  CHECK(candidate->processes.size() == 2);

  const Sleeper stranger;
  REQUIRE(move_process(cgroup.path(), stranger.pid()));
  const auto shared = candidate_by_process(parent.pid(), host.around());
  REQUIRE_FALSE(shared);
  CHECK(shared.error().code == "refused");
  CHECK_THAT(shared.error().message, Contains(std::to_string(stranger.pid())));
  CHECK_THAT(shared.error().message, Contains("--cgroup"));
  for (const pid_t pid : processes_of(cgroup.path()).value()) {
    if (pid != parent.pid() && pid != stranger.pid()) ::kill(pid, SIGKILL);
  }
}

TEST_CASE("a process in the root cgroup, and one that is gone, are refused") {
  const Host host;
  Sleeper sleeper;
  REQUIRE(move_process(cgroup2_mount(), sleeper.pid()));
  CHECK(candidate_by_process(sleeper.pid(), host.around()).error().code == "refused");
  const pid_t gone = sleeper.pid();
  sleeper.end();
  CHECK(candidate_by_process(gone, host.around()).error().code == "no_such_process");
}
