#include "node/identities.hpp"

#include <catch2/catch.hpp>

#include "base/file.hpp"
#include "callgate/v1/node.pb.h"
#include "node/certificate_facts.hpp"
#include "support.hpp"

using namespace callgate;
using namespace callgate::node;
using callgate::testing::run_until;
using callgate::testing::TemporaryDirectory;

namespace {

struct Issuing {
  Loop loop;
  TemporaryDirectory directory;
  std::uint64_t number = 0;
  v1::Identities snapshot;
  Identities identities;

  explicit Issuing(std::chrono::seconds ttl = std::chrono::hours(1))
      : identities(loop, {directory.path() + "/identity", "test.local", ttl, directory.path() + "/roots.pem"},
                   [this](std::uint64_t n, Fd memory) {
                     number = n;
                     REQUIRE(snapshot.ParseFromString(read_sealed_memory(memory.get(), 1U << 20U).value()));
                   }) {}
};

workload::Workload sample(std::uint64_t id) {
  workload::Workload workload;
  workload.id = id;
  workload.name = "shop";
  workload.spiffe_id = "spiffe://test.local/cgroup/shop";
  workload.netns_cookie = 7;
  return workload;
}

}  // namespace

TEST_CASE("a workload's identity is in the next snapshot, and goes with it") {
  Issuing issuing;
  REQUIRE(issuing.identities.start());
  CHECK(issuing.number == 1);
  CHECK(issuing.snapshot.workloads_size() == 0);
  CHECK(issuing.snapshot.trust_domain() == "test.local");
  CHECK_FALSE(issuing.snapshot.bundle_pem().empty());

  REQUIRE(issuing.identities.add(sample(1)));
  REQUIRE(issuing.identities.add(sample(2)));
  REQUIRE(run_until(issuing.loop, [&] { return issuing.number == 2; }));  // two changes, one snapshot
  REQUIRE(issuing.snapshot.workloads_size() == 2);
  CHECK(issuing.snapshot.workloads(0).spiffe_id() == "spiffe://test.local/cgroup/shop");
  CHECK(issuing.snapshot.workloads(0).netns_cookie() == 7);
  CHECK(issuing.snapshot.workloads(0).private_key_pem() != issuing.snapshot.workloads(1).private_key_pem());

  issuing.identities.remove(1);
  issuing.identities.flush();
  CHECK(issuing.number == 3);
  REQUIRE(issuing.snapshot.workloads_size() == 1);
  CHECK(issuing.snapshot.workloads(0).id() == 2);
  CHECK(issuing.identities.find(1) == nullptr);
}

TEST_CASE("an identity is renewed at half of its life") {
  Issuing issuing(std::chrono::seconds(6));
  REQUIRE(issuing.identities.start());
  REQUIRE(issuing.identities.add(sample(1)));
  issuing.identities.flush();
  const std::string first = issuing.snapshot.workloads(0).certificate_chain_pem();
  REQUIRE(run_until(issuing.loop,
                    [&] { return issuing.snapshot.workloads(0).certificate_chain_pem() != first; }));
  const auto facts = describe_certificate(issuing.snapshot.workloads(0).certificate_chain_pem());
  REQUIRE(facts);
  CHECK(facts->not_after_ns > describe_certificate(first)->not_after_ns);
  CHECK(facts->serial != describe_certificate(first)->serial);
}

TEST_CASE("default identities name the user or the cgroup; others are checked") {
  Issuing issuing;
  REQUIRE(issuing.identities.start());
  using workload::Kind;
  CHECK(issuing.identities.default_id(Kind::run, 0, "shop").value() == "spiffe://test.local/user/root/shop");
  CHECK(issuing.identities.default_id(Kind::run, 4'000'000, "shop").value() ==
        "spiffe://test.local/user/4000000/shop");
  CHECK(issuing.identities.default_id(Kind::enrolled, 0, "shop").value() ==
        "spiffe://test.local/cgroup/shop");
  CHECK(issuing.identities.check("spiffe://test.local/anything"));
  CHECK(issuing.identities.check("spiffe://other.local/anything").error().code == "invalid");
  CHECK(issuing.identities.check("spiffe://test.local").error().code == "invalid");
  CHECK(issuing.identities.check("nonsense").error().code == "invalid");
}

TEST_CASE("missing system roots are a problem that is told, and are taken up when they appear") {
  Issuing issuing;
  REQUIRE(issuing.identities.start());
  CHECK_FALSE(issuing.identities.roots_problem().empty());
  CHECK(issuing.snapshot.system_roots_pem().empty());
  REQUIRE(replace_file(issuing.directory.path() + "/roots.pem", "roots", 0644));
  REQUIRE(run_until(issuing.loop, [&] { return issuing.snapshot.system_roots_pem() == "roots"; }));
  CHECK(issuing.identities.roots_problem().empty());
}
