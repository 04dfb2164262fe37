#include "node/child.hpp"

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include <catch2/catch.hpp>
#include <poll.h>
#include <sys/stat.h>

#include "base/file.hpp"
#include "support.hpp"

using namespace callgate;
using namespace callgate::node;
using callgate::testing::cgroup2_mount;
using callgate::testing::TemporaryCgroup;
using callgate::testing::TemporaryDirectory;

namespace {

struct NeedsRoot {
  NeedsRoot() {
    if (::geteuid() == 0 && !cgroup2_mount().empty()) return;
    std::fputs("skipped: needs root and cgroup2\n", stderr);
    std::_Exit(77);
  }
} const needs_root;

Launch shell(const TemporaryCgroup& cgroup, const std::string& script) {
  return {"/bin/sh", {"-c", script}, cgroup.path(), {}, false, {}};
}

}  // namespace

TEST_CASE("a child starts in its cgroup, with its descriptors in place and no others") {
  const TemporaryCgroup cgroup;
  const TemporaryDirectory directory;
  const std::string output = directory.path() + "/output";
  const Fd first(::open(output.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  const Fd second(::open("/dev/null", O_RDONLY));  // inherited, but for close_range
  Launch launch = shell(cgroup, "cat /proc/self/cgroup >&3; ls /proc/self/fd >&4");
  launch.descriptors = {first.get(), first.get()};
  auto child = Child::start(launch);
  REQUIRE(child);
  CHECK(child->wait() == "exit status 0");
  const std::string text = read_file(output).value();
  CHECK_THAT(text, Catch::Matchers::Contains("0::" + cgroup.path().substr(cgroup2_mount().size())));
  // 0, 1, 2, ours, and the one that lists the directory.
  CHECK_THAT(text, Catch::Matchers::EndsWith("\n0\n1\n2\n3\n4\n5\n"));
}

TEST_CASE("descriptors that stand in each other's way arrive all the same") {
  const TemporaryCgroup cgroup;
  const TemporaryDirectory directory;
  // The one that becomes 3 has the number 4, and the other way round, if the numbers are free here.
  const Fd a(::open((directory.path() + "/a").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  const Fd b(::open((directory.path() + "/b").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  Launch launch = shell(cgroup, "echo a >&4; echo b >&3");
  launch.descriptors = {b.get(), a.get()};
  auto child = Child::start(launch);
  REQUIRE(child);
  CHECK(child->wait() == "exit status 0");
  CHECK(read_file(directory.path() + "/a").value() == "a\n");
  CHECK(read_file(directory.path() + "/b").value() == "b\n");
}

TEST_CASE("a program that cannot be started is an error with its reason") {
  const TemporaryCgroup cgroup;
  const auto missing = Child::start({"/no/such/program", {}, cgroup.path(), {}, false, {}});
  REQUIRE_FALSE(missing);
  CHECK_THAT(missing.error().message, Catch::Matchers::Contains("/no/such/program"));
  CHECK_THAT(missing.error().message, Catch::Matchers::Contains("No such file"));
  CHECK_FALSE(Child::start({"/bin/sh", {}, cgroup.path() + "/none", {}, false, {}}));
}

TEST_CASE("the end of a child shows on its handle, with how it ended") {
  const TemporaryCgroup cgroup;
  auto child = Child::start(shell(cgroup, "exec sleep 600"));
  REQUIRE(child);
  pollfd entry{child->pidfd(), POLLIN, 0};
  CHECK(::poll(&entry, 1, 0) == 0);
  child->kill(SIGKILL);
  CHECK(::poll(&entry, 1, 10'000) == 1);
  CHECK(child->wait() == "signal 9");
  CHECK(child->wait() == "not running");
}

TEST_CASE("a child goes with its owner") {
  const TemporaryCgroup cgroup;
  {
    const auto child = Child::start(shell(cgroup, "exec sleep 600"));
    REQUIRE(child);
    CHECK(workload::is_populated(cgroup.path()).value());
  }
  CHECK_FALSE(workload::is_populated(cgroup.path()).value());
}

TEST_CASE("a child gets nothing of the environment that could be a secret") {
  const TemporaryCgroup cgroup;
  const TemporaryDirectory directory;
  const Fd output(::open((directory.path() + "/o").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  ::setenv("CALLGATE_TEST_SECRET", "hidden", 1);
  ::setenv("TZ", "UTC", 1);
  Launch launch = shell(cgroup, "env >&3");
  launch.descriptors = {output.get()};
  auto child = Child::start(launch);
  REQUIRE(child);
  CHECK(child->wait() == "exit status 0");
  const std::string text = read_file(directory.path() + "/o").value();
  CHECK_THAT(text, Catch::Matchers::Contains("TZ=UTC"));
  CHECK_THAT(text, !Catch::Matchers::Contains("hidden"));
}
