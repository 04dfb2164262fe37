#include "node/instance.hpp"

#include <fstream>

#include <catch2/catch.hpp>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/file.hpp"
#include "node/steps.hpp"
#include "node/token_bucket.hpp"
#include "support.hpp"

using namespace callgate;
using namespace callgate::node;
using callgate::testing::TemporaryDirectory;

TEST_CASE("a state directory belongs to one callgated at a time") {
  const TemporaryDirectory directory;
  const std::string state = directory.path() + "/state";
  {
    const auto first = Instance::lock(state);
    REQUIRE(first);
    const auto second = Instance::lock(state);
    REQUIRE_FALSE(second);
    CHECK(second.error().code == "in_use");
    CHECK_THAT(second.error().message, Catch::Matchers::Contains(std::to_string(::getpid())));
  }
  CHECK(Instance::lock(state));
}

TEST_CASE("a state directory that others may write is refused") {
  const TemporaryDirectory directory;
  REQUIRE(::chmod(directory.path().c_str(), 0777) == 0);
  CHECK(Instance::lock(directory.path()).error().code == "bad_mode");
  REQUIRE(::chmod(directory.path().c_str(), 0700) == 0);
  CHECK(Instance::lock(directory.path()));
}

TEST_CASE("generations only grow, also over a kill") {
  const TemporaryDirectory directory;
  CHECK(draw_generation(directory.path()).value() == 1);
  CHECK(draw_generation(directory.path()).value() == 2);
  const pid_t child = ::fork();
  if (child == 0) {
    auto instance = Instance::lock(directory.path());
    if (!instance || !draw_generation(directory.path())) ::_exit(1);
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  REQUIRE(WIFSIGNALED(status));
  auto instance = Instance::lock(directory.path());
  REQUIRE(instance);
  CHECK(draw_generation(directory.path()).value() == 4);
}

TEST_CASE("a generation that cannot be read is an error, never a new beginning") {
  const TemporaryDirectory directory;
  auto instance = Instance::lock(directory.path());
  REQUIRE(instance);
  for (const char* const text : {"", "x", "-1", "1 2", "4294967295", "99999999999"}) {
    CAPTURE(text);
    std::ofstream(directory.path() + "/generation") << text;
    const auto drawn = draw_generation(directory.path());
    REQUIRE_FALSE(drawn);
    CHECK(drawn.error().code == "generation_corrupt");
    CHECK(read_file(directory.path() + "/generation").value() == text);
  }
  std::ofstream(directory.path() + "/generation") << "41\n";
  CHECK(draw_generation(directory.path()).value() == 42);
}

TEST_CASE("steps are taken down in reverse, also when one of them fails") {
  std::string log;
  const auto step = [&log](const char* name, bool works) {
    return Step{name,
                [&log, name, works]() -> Result<void> {
                  log += std::string("+") + name;
                  if (!works) return make_error("broken", "it is broken");
                  return {};
                },
                [&log, name] { log += std::string("-") + name; }};
  };
  {
    RunningSteps steps;
    REQUIRE(steps.start({step("a", true), step("b", true)}));
    CHECK(log == "+a+b");
  }
  CHECK(log == "+a+b-b-a");
  log.clear();
  RunningSteps steps;
  const auto failed = steps.start({step("a", true), step("b", true), step("c", false), step("d", true)});
  REQUIRE_FALSE(failed);
  CHECK(failed.error().code == "broken");
  CHECK(failed.error().message == "c: it is broken");
  CHECK(log == "+a+b+c-b-a");
}

TEST_CASE("a bucket gives its burst, and then what time refills") {
  constexpr std::uint64_t second = 1'000'000'000U;
  TokenBucket bucket(10, 100);
  CHECK(bucket.take(10, second));
  CHECK_FALSE(bucket.take(1, second));
  CHECK_FALSE(bucket.take(1, second + second / 200));
  CHECK(bucket.take(1, second + second / 50));
  CHECK(bucket.take(10, 5 * second));
  CHECK_FALSE(bucket.take(1, 5 * second));
  CHECK_FALSE(bucket.take(11, 100 * second));
  // Slow and steady callers get all that is refilled.
  TokenBucket slow(10, 100);
  REQUIRE(slow.take(10, second));
  int taken = 0;
  for (std::uint64_t now = second; now < 2 * second; now += second / 1000)
    taken += slow.take(1, now) ? 1 : 0;
  CHECK(taken >= 98);
  CHECK(taken <= 100);
}
