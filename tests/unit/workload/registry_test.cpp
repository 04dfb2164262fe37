#include "workload/registry.hpp"

#include <csignal>
#include <fstream>

#include <catch2/catch.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.hpp"
#include "temporary.hpp"

using namespace callgate;
using namespace callgate::workload;
using callgate::testing::TemporaryDirectory;

namespace {

Workload sample(std::uint64_t id, const std::string& name) {
  Workload workload;
  workload.id = id;
  workload.name = name;
  workload.spiffe_id = "spiffe://callgate.local/cgroup/" + name;
  workload.owner = 1000;
  workload.cgroup = "/sys/fs/cgroup/with \"quotes\" and \\";
  workload.cgroup_id = 100 + id;
  workload.netns_cookie = 0xffffffffffffffffULL;  // survives as an unsigned number of 64 bits
  workload.kind = Kind::run;
  workload.mode = Mode::observe;
  workload.open_on_agent_loss = true;
  workload.enrolled_ns = 1'700'000'000'123'456'789ULL;
  return workload;
}

}  // namespace

TEST_CASE("what was put into the registry is there after a restart") {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/workloads.json";
  Workload kept;
  {
    auto registry = Registry::open(path, "boot");
    REQUIRE(registry);
    kept = sample(registry->draw_id().value(), "shop");
    REQUIRE(registry->put(kept));
    const auto second = sample(registry->draw_id().value(), "gone");
    REQUIRE(registry->put(second));
    REQUIRE(registry->remove(second.id));
  }
  const auto registry = Registry::open(path, "boot");
  REQUIRE(registry);
  REQUIRE(registry->all().size() == 1);
  CHECK(*registry->find(kept.id) == kept);
  CHECK(*registry->find_cgroup(kept.cgroup_id) == kept);
  CHECK(registry->find(kept.id + 1) == nullptr);
}

TEST_CASE("an id is never given out twice, whatever was done with it") {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/workloads.json";
  std::uint64_t last = 0;
  for (int restart = 0; restart < 4; ++restart) {
    auto registry = Registry::open(path, restart == 2 ? "another boot" : "boot");
    REQUIRE(registry);
    const auto drawn = registry->draw_id();  // and forgotten, as by a crash before the entry was put
    REQUIRE(drawn);
    CHECK(*drawn > last);
    last = *drawn;
    const auto used = registry->draw_id();
    REQUIRE(used);
    CHECK(*used > last);
    last = *used;
    REQUIRE(registry->put(sample(*used, "shop")));
    REQUIRE(registry->remove(*used));
  }
}

TEST_CASE("an id that was not drawn is refused") {
  const TemporaryDirectory directory;
  auto registry = Registry::open(directory.path() + "/workloads.json", "boot");
  REQUIRE(registry);
  const auto put = registry->put(sample(7, "shop"));
  REQUIRE_FALSE(put);
  CHECK(put.error().code == "bad_id");
}

TEST_CASE("entries of another boot are dropped, ids go on") {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/workloads.json";
  std::uint64_t id = 0;
  {
    auto registry = Registry::open(path, "first boot");
    REQUIRE(registry);
    id = registry->draw_id().value();
    REQUIRE(registry->put(sample(id, "shop")));
  }
  auto registry = Registry::open(path, "second boot");
  REQUIRE(registry);
  CHECK(registry->all().empty());
  CHECK(registry->dropped() == 1);
  CHECK(registry->draw_id().value() > id);
}

TEST_CASE("a registry that cannot be understood is neither used nor overwritten") {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/workloads.json";
  const std::string valid = R"({"version":1,"boot_id":"boot","next_id":2,"workloads":[]})";
  {
    std::ofstream(path) << valid;
    CHECK(Registry::open(path, "boot").has_value());  // the control: this form is accepted
  }
  for (const std::string& text : {
           std::string(),
           std::string("{"),
           std::string("[]"),
           valid.substr(0, valid.size() - 1),
           std::string(R"({"version":2,"boot_id":"boot","next_id":2,"workloads":[]})"),
           std::string(R"({"version":1,"boot_id":"boot","next_id":-1,"workloads":[]})"),
           std::string(R"({"version":1,"boot_id":"boot","next_id":2,"workloads":[{}]})"),
           std::string(R"({"version":1,"boot_id":"boot","workloads":[]})"),
       }) {
    CAPTURE(text);
    std::ofstream(path) << text;
    const auto registry = Registry::open(path, "boot");
    REQUIRE_FALSE(registry);
    CHECK(registry.error().code == "registry_corrupt");
    CHECK(read_file(path).value() == text);
  }
}

TEST_CASE("an entry with an id that is not behind the counter is corrupt") {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/workloads.json";
  {
    auto registry = Registry::open(path, "boot");
    REQUIRE(registry);
    REQUIRE(registry->put(sample(registry->draw_id().value(), "shop")));
  }
  std::string text = read_file(path).value();
  const auto at = text.find("\"next_id\":2");
  REQUIRE(at != std::string::npos);
  text.replace(at, 11, "\"next_id\":1");
  std::ofstream(path) << text;
  REQUIRE_FALSE(Registry::open(path, "boot"));
}

TEST_CASE("a failed write changes nothing in memory") {
  const TemporaryDirectory directory;
  const std::string place = directory.path() + "/state";
  REQUIRE(make_directories(place, 0700));
  auto registry = Registry::open(place + "/workloads.json", "boot");
  REQUIRE(registry);
  const std::uint64_t id = registry->draw_id().value();
  REQUIRE(registry->put(sample(id, "shop")));
  std::filesystem::rename(place, place + ".away");
  CHECK_FALSE(registry->put(sample(id, "other")));
  CHECK_FALSE(registry->remove(id));
  CHECK_FALSE(registry->draw_id());
  CHECK(registry->find(id)->name == "shop");
  std::filesystem::rename(place + ".away", place);
  CHECK(registry->remove(id));
}

TEST_CASE("a registry that is killed at any moment of writing is whole at the next start") {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/workloads.json";
  for (int round = 0; round < 20; ++round) {
    int begun[2];
    REQUIRE(::pipe(begun) == 0);
    const pid_t writer = ::fork();
    if (writer == 0) {
      auto registry = Registry::open(path, "boot");
      if (!registry) ::_exit(1);
      for (;;) {
        const auto id = registry->draw_id();
        if (!id || !registry->put(sample(*id, "shop")) || ::write(begun[1], "x", 1) != 1) ::_exit(1);
        if (registry->all().size() > 20 && !registry->remove(registry->all().begin()->first)) ::_exit(1);
      }
    }
    char byte = 0;
    for (int i = 0; i <= round % 5; ++i)
      REQUIRE(::read(begun[0], &byte, 1) == 1);
    ::kill(writer, SIGKILL);
    int status = 0;
    ::waitpid(writer, &status, 0);
    ::close(begun[0]);
    ::close(begun[1]);
    REQUIRE(WIFSIGNALED(status));
    const auto registry = Registry::open(path, "boot");
    REQUIRE(registry);
    REQUIRE_FALSE(registry->all().empty());
  }
}
