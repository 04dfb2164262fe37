#include "cli/unit.hpp"

#include <cstdlib>
#include <fstream>

#include <catch2/catch.hpp>
#include <sys/stat.h>

#include "../workload/temporary.hpp"
#include "base/file.hpp"

using namespace callgate;
using namespace callgate::cli;
using callgate::testing::TemporaryDirectory;

namespace {

// A systemctl that answers `answer` and writes down how it was called.
class Systemctl {
 public:
  explicit Systemctl(const std::string& answer, int status = 0) : path_(std::getenv("PATH")) {
    const std::string program = directory_.path() + "/systemctl";
    std::ofstream(directory_.path() + "/answer") << answer;
    std::ofstream(program) << "#!/bin/sh\necho \"$@\" >> " << calls_path() << "\n/bin/cat "
                           << directory_.path() << "/answer\nexit " << status << "\n";
    REQUIRE(::chmod(program.c_str(), 0755) == 0);
    ::setenv("PATH", (directory_.path() + ":" + path_).c_str(), 1);
  }
  ~Systemctl() { ::setenv("PATH", path_.c_str(), 1); }
  [[nodiscard]] std::string calls() const { return read_file(calls_path()).value(); }
  [[nodiscard]] std::string calls_path() const { return directory_.path() + "/calls"; }

 private:
  TemporaryDirectory directory_;
  std::string path_;
};

}  // namespace

TEST_CASE("a unit is found by its name, with or without suffix") {
  const Systemctl systemctl(
      "LoadState=loaded\nControlGroup=/system.slice/"
      "shop.service\nPrivateNetwork=no\nNetworkNamespacePath=\n");
  const auto unit = find_unit("shop");
  REQUIRE(unit);
  CHECK(unit->name == "shop.service");
  CHECK(unit->cgroup.find("/system.slice/shop.service") != std::string::npos);
  CHECK_FALSE(unit->own_network);
  CHECK(systemctl.calls().find("-- shop.service") != std::string::npos);
}

TEST_CASE("a unit that does not run has no cgroup, and one with its own network says so") {
  const Systemctl systemctl("LoadState=loaded\nControlGroup=\nPrivateNetwork=yes\n");
  const auto unit = find_unit("shop.service");
  REQUIRE(unit);
  CHECK(unit->cgroup.empty());
  CHECK(unit->own_network);
}

TEST_CASE("units that are none are errors that say which") {
  CHECK(find_unit("--now").error().code == "bad_name");
  CHECK(find_unit("").error().code == "bad_name");
  CHECK(find_unit("a/b").error().code == "bad_name");
  {
    const Systemctl systemctl("LoadState=not-found\n");
    CHECK(find_unit("shop").error().code == "not_found");
  }
  const Systemctl systemctl("", 1);
  CHECK(find_unit("shop").error().code == "no_systemd");
}

TEST_CASE("the drop-in has the unit enrolled before its own processes, with every word quoted") {
  const std::string text =
      make_drop_in({"shop.service", "/usr/bin/callgate", "", "shop", "spiffe://callgate.local/a%20b", false});
  CHECK(text.find(
            "ExecStartPre=+\"/usr/bin/callgate\" enroll --unit \"shop.service\" --name \"shop\" --identity "
            "\"spiffe://callgate.local/a%%20b\"\n") != std::string::npos);
  CHECK(text.find("After=callgated.service") != std::string::npos);
  CHECK(text.find("Wants=callgated.service") != std::string::npos);
  // Within the unit's network namespace.
  CHECK(make_drop_in({"shop.service", "/usr/bin/callgate", "/run/a b.sock", "", "", true})
            .find("ExecStartPre=!\"/usr/bin/callgate\" --socket \"/run/a b.sock\" enroll") !=
        std::string::npos);
}

TEST_CASE("drop-ins are written, listed and removed, and systemd is told each time") {
  const TemporaryDirectory directory;
  const Systemctl systemctl("");
  CHECK(persistent_units(directory.path()).empty());
  REQUIRE(write_drop_in({"shop.service", "/usr/bin/callgate", "", "", "", false}, directory.path()));
  REQUIRE(write_drop_in({"bank.service", "/usr/bin/callgate", "", "", "", false}, directory.path()));
  CHECK(persistent_units(directory.path()) == std::vector<std::string>{"bank.service", "shop.service"});
  CHECK(systemctl.calls() == "daemon-reload\ndaemon-reload\n");
  std::ofstream(directory.path() + "/shop.service.d/other.conf") << "[Unit]\n";
  CHECK(remove_drop_in("shop.service", directory.path()).value());
  CHECK_FALSE(remove_drop_in("shop.service", directory.path()).value());
  CHECK(remove_drop_in("bank.service", directory.path()).value());
  CHECK(persistent_units(directory.path()).empty());
  struct stat status {};
  CHECK(::stat((directory.path() + "/shop.service.d/other.conf").c_str(), &status) == 0);
  CHECK(::stat((directory.path() + "/bank.service.d").c_str(), &status) != 0);
}
