#include "node/policies.hpp"

#include <fstream>

#include <catch2/catch.hpp>

#include "base/file.hpp"
#include "support.hpp"

using namespace callgate;
using namespace callgate::node;
using callgate::testing::run_until;
using callgate::testing::TemporaryDirectory;

namespace {

std::string document(const std::string& mode) {
  return "apiVersion: callgate.dev/v1\nkind: CallPolicy\nmetadata: {name: shop}\nspec:\n  mode: " + mode +
         "\n  callers: [{workload: shop}]\n  targets: [{host: api.test}]\n  rules:\n    - {name: read, "
         "functions: [\"http:GET "
         "/*\"], action: allow}\n";
}

struct Place {
  TemporaryDirectory directory;
  std::string policies = directory.path() + "/policies";
  std::string state = directory.path() + "/state";

  Place() {
    std::filesystem::create_directory(policies);
    std::filesystem::create_directory(state);
  }
  void write(const std::string& text) const { REQUIRE(replace_file(policies + "/shop.yaml", text, 0644)); }
  [[nodiscard]] PoliciesSettings settings() const {
    PoliciesSettings made;
    made.directory = policies;
    made.state_dir = state;
    made.quiet = std::chrono::milliseconds(10);
    return made;
  }
};

struct Published {
  std::uint64_t number = 0;
  std::string content;
  [[nodiscard]] Policies::Publish collect() {
    return [this](std::uint64_t n, Fd memory) {
      number = n;
      content = read_sealed_memory(memory.get(), 1U << 20U).value();
    };
  }
};

}  // namespace

TEST_CASE("policies are published at start and when a file changes") {
  const Place place;
  place.write(document("enforce"));
  Loop loop;
  Published published;
  Policies policies(loop, place.settings(), published.collect());
  REQUIRE(policies.start());
  CHECK(published.number == 1);
  CHECK(policies.mode_of("shop", "spiffe://t/x") == workload::Mode::enforce);
  CHECK(policies.mode_of("other", "spiffe://t/x") == workload::Mode::observe);

  place.write(document("observe"));
  REQUIRE(run_until(loop, [&] { return published.number == 2; }));
  CHECK(policies.mode_of("shop", "spiffe://t/x") == workload::Mode::observe);
  CHECK(policies.status().documents == 1);
  CHECK(policies.status().problems.empty());
}

TEST_CASE("a bad file changes nothing, and its findings are shown until it is right again") {
  const Place place;
  place.write(document("enforce"));
  Loop loop;
  Published published;
  Policies policies(loop, place.settings(), published.collect());
  REQUIRE(policies.start());
  const std::string in_force = published.content;

  place.write(document("enforced"));
  REQUIRE(run_until(loop, [&] { return !policies.status().problems.empty(); }));
  CHECK(published.content == in_force);
  CHECK(policies.mode_of("shop", "spiffe://t/x") == workload::Mode::enforce);
  CHECK_THAT(policies.status().problems.front(), Catch::Matchers::Contains("shop.yaml:5:"));

  place.write(document("enforce"));
  REQUIRE(run_until(loop, [&] { return policies.status().problems.empty(); }));
  CHECK(policies.mode_of("shop", "spiffe://t/x") == workload::Mode::enforce);
}

TEST_CASE("a restart with a bad file serves the last good policies, and says so") {
  const Place place;
  place.write(document("enforce"));
  Loop loop;
  Published before;
  {
    Policies policies(loop, place.settings(), before.collect());
    REQUIRE(policies.start());
  }
  place.write("nonsense");
  Published after;
  Policies policies(loop, place.settings(), after.collect());
  REQUIRE(policies.start());
  CHECK(after.content == before.content);
  CHECK(policies.status().from_state);
  CHECK(policies.status().problems.size() == 1);
  CHECK(policies.mode_of("shop", "spiffe://t/x") == workload::Mode::enforce);
}

TEST_CASE("bad files without last good policies are refused at start") {
  const Place place;
  place.write("nonsense");
  Loop loop;
  Published published;
  Policies policies(loop, place.settings(), published.collect());
  const auto started = policies.start();
  REQUIRE_FALSE(started);
  CHECK(started.error().code == "bad_policies");
  CHECK_THAT(started.error().message, Catch::Matchers::Contains("shop.yaml:1"));
  CHECK(published.number == 0);
}

TEST_CASE("a last good copy that was tampered with is not used") {
  const Place place;
  place.write("nonsense");
  std::ofstream(place.state + "/policies.last-good") << "\x01\x02garbage";
  Loop loop;
  Published published;
  Policies policies(loop, place.settings(), published.collect());
  CHECK_FALSE(policies.start());
  CHECK(published.number == 0);
}

TEST_CASE("a plaintext target's name is resolved and its addresses are published") {
  const Place place;
  std::string text = document("enforce");
  const std::string target = "{host: api.test}";
  text.replace(text.find(target), target.size(), "{host: localhost, upstream: {tls: plaintext}}");
  place.write(text);
  Loop loop;
  Published published;
  Policies policies(loop, place.settings(), published.collect());
  REQUIRE(policies.start());
  CHECK(policy::parse_snapshot(published.content)->resolved.empty());
  REQUIRE(run_until(loop, [&] { return published.number == 2; }));
  const auto snapshot = policy::parse_snapshot(published.content);
  REQUIRE(snapshot);
  REQUIRE(snapshot->resolved.size() == 1);
  CHECK(snapshot->resolved.front().host == "localhost");
  CHECK_FALSE(snapshot->resolved.front().addresses.empty());
  policies.stop();
}
