#include "node/known_workloads.hpp"

#include <fstream>

#include <catch2/catch.hpp>

#include "support.hpp"

using namespace callgate;
using namespace callgate::node;
using callgate::testing::TemporaryDirectory;

namespace {

workload::Workload sample(std::uint64_t id, uid_t owner) {
  workload::Workload workload;
  workload.id = id;
  workload.name = "shop";
  workload.spiffe_id = "spiffe://t/shop";
  workload.owner = owner;
  return workload;
}

}  // namespace

TEST_CASE("owners are known after a restart, names only while the agent runs") {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/owners";
  {
    KnownWorkloads known;
    REQUIRE(known.open(path));
    known.add(sample(1, 1000));
    known.add(sample(2, 1001));
    CHECK(known.lookup(1)->name == "shop");
    CHECK_FALSE(known.lookup(3));
  }
  KnownWorkloads known;
  REQUIRE(known.open(path));
  CHECK(known.owner(1) == uid_t{1000});
  CHECK(known.owner(2) == uid_t{1001});
  CHECK_FALSE(known.owner(3));
  CHECK_FALSE(known.lookup(1));
}

TEST_CASE("a line that a crash cut short takes nothing else away") {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/owners";
  std::ofstream(path) << "1 1000\n2 1001\n3";
  KnownWorkloads known;
  REQUIRE(known.open(path));
  CHECK(known.owner(2) == uid_t{1001});
  CHECK_FALSE(known.owner(3));
  known.add(sample(4, 1002));
  KnownWorkloads again;
  REQUIRE(again.open(path));
  CHECK(again.owner(4) == uid_t{1002});
}

TEST_CASE("an id that comes again with another owner belongs to root alone") {
  const TemporaryDirectory directory;
  KnownWorkloads known;
  REQUIRE(known.open(directory.path() + "/owners"));
  known.add(sample(7, 1000));
  known.add(sample(7, 1001));
  CHECK(known.owner(7) == uid_t{0});
  CHECK(known.newest() == 7);
}
