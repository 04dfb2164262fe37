#include "workload/cgroup.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include <catch2/catch.hpp>

#include "temporary.hpp"

using namespace callgate;
using namespace callgate::workload;
using callgate::testing::cgroup2_mount;
using callgate::testing::Sleeper;
using callgate::testing::TemporaryCgroup;
using callgate::testing::TemporaryDirectory;

namespace {

// Cgroups take root: without it the whole program says so, and is reported as skipped.
struct NeedsRoot {
  NeedsRoot() {
    if (::geteuid() == 0 && !cgroup2_mount().empty()) return;
    std::fputs("skipped: needs root and cgroup2\n", stderr);
    std::_Exit(77);
  }
} const needs_root;

bool contains(const std::vector<pid_t>& pids, pid_t pid) {
  return std::count(pids.begin(), pids.end(), pid) != 0;
}

}  // namespace

TEST_CASE("a path is below another by whole names only") {
  CHECK(is_within("/a/b", "/a"));
  CHECK(is_within("/a", "/a"));
  CHECK(is_within("/a", "/"));
  CHECK_FALSE(is_within("/ab", "/a"));
  CHECK_FALSE(is_within("/a", "/a/b"));
}

TEST_CASE("what is no cgroup is refused") {
  const TemporaryDirectory directory;
  CHECK(open_cgroup(directory.path()).error().code == "not_a_cgroup");
  CHECK(open_cgroup(directory.path() + "/none").error().code == "not_found");
  CHECK(make_cgroups(directory.path() + "/a/b").error().code == "no_cgroup2");
  CHECK_FALSE(std::filesystem::exists(directory.path() + "/a"));
  CHECK(remove_cgroup(directory.path()).error().code == "not_a_cgroup");
  CHECK(std::filesystem::exists(directory.path()));
}

TEST_CASE("processes are found in a cgroup and below it") {
  const TemporaryCgroup cgroup;
  const auto below = make_cgroup(cgroup.path() + "/below");
  REQUIRE(below);
  CHECK_FALSE(is_populated(cgroup.path()).value());
  CHECK(processes_of(cgroup.path())->empty());
  {
    const Sleeper above;
    const Sleeper deeper;
    REQUIRE(move_process(cgroup.path(), above.pid()));
    REQUIRE(move_process(below->path, deeper.pid()));
    const auto pids = processes_of(cgroup.path());
    REQUIRE(pids);
    CHECK(pids->size() == 2);
    CHECK(contains(*pids, above.pid()));
    CHECK(contains(*pids, deeper.pid()));
    CHECK(processes_of(below->path)->size() == 1);
    CHECK(is_populated(cgroup.path()).value());
    CHECK(remove_cgroup(cgroup.path()).error().code == "busy");
  }
  CHECK_FALSE(is_populated(cgroup.path()).value());
  CHECK(remove_cgroup(cgroup.path()));
  CHECK(remove_cgroup(cgroup.path()));
  CHECK(is_populated(cgroup.path()).error().code == "not_found");
}

TEST_CASE("a cgroup that is made again under its name has another id") {
  const TemporaryCgroup parent;
  const auto first = make_cgroup(parent.path() + "/x");
  REQUIRE(first);
  REQUIRE(remove_cgroup(first->path));
  const auto second = make_cgroup(parent.path() + "/x");
  REQUIRE(second);
  CHECK(first->path == second->path);
  CHECK(first->id != second->id);
}
