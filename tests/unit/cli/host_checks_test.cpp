#include "cli/host_checks.hpp"

#include <catch2/catch.hpp>

using namespace callgate;
using namespace callgate::cli;

namespace {

constexpr std::string_view mounts =
    "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
    "25 22 0:22 / /run rw - tmpfs tmpfs rw\n"
    "26 22 0:23 / /sys rw - sysfs sysfs rw\n"
    "27 26 0:24 / /sys/fs/cgroup rw - tmpfs tmpfs ro\n"
    "28 27 0:25 / /sys/fs/cgroup/unified rw shared:4 master:5 - cgroup2 cgroup2 rw\n"
    "29 26 0:26 / /sys/fs/bpf rw - bpf bpf rw\n"
    "30 25 0:27 / /run/shadowed rw - tmpfs tmpfs rw\n"
    "31 25 8:2 / /run/shadowed rw - ext4 /dev/sdb rw\n"
    "nonsense\n";

}  // namespace

TEST_CASE("kernels below the floor fail with a cure") {
  CHECK(check_kernel_release("6.1.0-18-amd64").state() == v1::FINDING_STATE_OK);
  const auto old = check_kernel_release("5.10.0-28-amd64");
  CHECK(old.state() == v1::FINDING_STATE_FAILED);
  CHECK(old.cure().find("5.15") != std::string::npos);
}

TEST_CASE("file systems are found by the deepest and latest mount") {
  CHECK(file_system_of(mounts, "/var/lib/callgate") == "ext4");
  CHECK(file_system_of(mounts, "/run/callgate") == "tmpfs");
  CHECK(file_system_of(mounts, "/runner") == "ext4");
  CHECK(file_system_of(mounts, "/run/shadowed/x") == "ext4");
  CHECK(file_system_of("", "/run").empty());
}

TEST_CASE("mounts that callgate needs are checked") {
  CHECK(check_cgroup2(mounts).state() == v1::FINDING_STATE_OK);
  CHECK(check_cgroup2(mounts).detail() == "mounted on /sys/fs/cgroup/unified");
  CHECK(check_cgroup2("").state() == v1::FINDING_STATE_FAILED);
  CHECK(check_bpffs(mounts, "/sys/fs/bpf/callgate").state() == v1::FINDING_STATE_OK);
  CHECK(check_bpffs(mounts, "/run/bpf").state() == v1::FINDING_STATE_FAILED);
  CHECK(check_run_dir(mounts, "/run/callgate").state() == v1::FINDING_STATE_OK);
  const auto on_disk = check_run_dir(mounts, "/var/run-callgate");
  CHECK(on_disk.state() == v1::FINDING_STATE_FAILED);
  CHECK_FALSE(on_disk.cure().empty());
}

TEST_CASE("every finding that is not ok has a cure") {
  for (const auto& finding : check_host("/nonexistent/callgate.yaml")) {
    INFO(finding.name());
    CHECK((finding.state() == v1::FINDING_STATE_OK || !finding.cure().empty()));
  }
}
