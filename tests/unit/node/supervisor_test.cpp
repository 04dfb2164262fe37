#include "node/supervisor.hpp"

#include <csignal>

#include <catch2/catch.hpp>
#include <sys/stat.h>

#include "base/file.hpp"
#include "callgate/v1/node.pb.h"
#include "support.hpp"
#include "workload/process.hpp"

using namespace callgate;
using namespace callgate::node;
using callgate::testing::run_until;
using callgate::testing::TemporaryCgroup;
using callgate::testing::TemporaryDirectory;
using std::chrono::milliseconds;

namespace {

constexpr std::uint32_t threads = 2;

// A supervisor of the fake proxy that plays `role`.
struct Supervised {
  Loop loop;
  TemporaryCgroup cgroup;
  TemporaryDirectory directory;
  Helper helper{loop, CALLGATED, cgroup.path()};
  std::uint32_t generation = 0;
  std::vector<std::uint32_t> closed;
  std::optional<Supervisor> supervisor;

  explicit Supervised(const std::string& role, std::optional<milliseconds> patience = {}) {
    SupervisorSettings settings;
    settings.binary = directory.path() + "/" + role;
    std::filesystem::copy_file(FAKE_PROXY, settings.binary);
    settings.cgroup = cgroup.path();
    settings.uid = 65534;
    settings.gid = 65534;
    settings.ping_interval = milliseconds(10);
    if (patience) settings.pong_patience = *patience;
    Supervisor::Hooks hooks;
    hooks.draw_generation = [this]() -> Result<std::uint32_t> { return ++generation; };
    hooks.open_rings = [](std::uint32_t) -> Result<std::vector<Fd>> {
      std::vector<Fd> rings;
      for (std::uint32_t i = 0; i < threads; ++i)
        rings.push_back(make_sealed_memory("ring", "").value());
      return rings;
    };
    hooks.open_limits = [] { return make_sealed_memory("limits", ""); };
    hooks.rings_closed = [this](std::uint32_t ended) { closed.push_back(ended); };
    hooks.process_path = [](const ProcessQuery& query) {
      return workload::resolve_executable(query.tgid, query.start_ns, query.device, query.inode);
    };
    supervisor.emplace(loop, helper, settings, v1::ProxyLimits(), hooks);
    REQUIRE(supervisor->start());
  }

  [[nodiscard]] bool until(const std::function<bool()>& done) { return run_until(loop, done); }
  [[nodiscard]] bool serves() const { return supervisor->proxy() != nullptr && supervisor->proxy()->ready(); }
};

}  // namespace

TEST_CASE("a proxy that is killed is replaced at once, under a new generation, with what it needs") {
  Supervised run("serve");
  run.supervisor->set_policy(11, make_sealed_memory("policy", "p").value());
  run.supervisor->set_identities(22, make_sealed_memory("identities", "i").value());
  REQUIRE(run.until([&] { return run.serves(); }));
  for (int round = 1; round <= 3; ++round) {
    const pid_t pid = run.supervisor->proxy()->pid();
    const std::uint32_t generation = run.supervisor->proxy()->generation();
    REQUIRE(::kill(pid, SIGKILL) == 0);
    REQUIRE(run.until([&] { return run.serves() && run.supervisor->proxy()->pid() != pid; }));
    CHECK(run.closed.back() == generation);
    CHECK(run.supervisor->proxy()->generation() > generation);
    CHECK(run.supervisor->restarts() == static_cast<std::uint64_t>(round));
    REQUIRE(run.until([&] {
      const auto& states = run.supervisor->proxy()->threads();
      return states[0].identities_version == 22 && states[1].identities_version == 22;
    }));
  }
  CHECK(run.closed.size() == 3);
}

TEST_CASE("gates that exist are given to a new proxy by their threads") {
  Supervised run("serve");
  REQUIRE(run.until([&] { return run.serves(); }));
  OpenGate gate;
  gate.id = 1;
  gate.thread = 1;
  gate.listener = make_sealed_memory("gate", "").value();
  run.supervisor->gate_opened(gate);
  // The fake proxy counts them as flows, all together.
  REQUIRE(run.until([&] { return run.supervisor->proxy()->threads()[1].counters.flows == 1; }));
  run.supervisor->gate_closed(gate);
  REQUIRE(run.until([&] { return run.supervisor->proxy()->threads()[1].counters.flows == 0; }));
}

TEST_CASE("a proxy that crashes at start is started again, ever more slowly") {
  Supervised run("crash");
  REQUIRE(run.until([&] { return run.supervisor->restarts() >= 4; }));
  CHECK(run.closed.size() >= 4);
  CHECK(run.generation >= 4);
  const std::uint64_t before = run.supervisor->restarts();
  bool later = false;
  const auto marker = run.loop.after(milliseconds(100), [&] { later = true; });
  REQUIRE(run.until([&] { return later; }));
  CHECK(run.supervisor->restarts() <= before + 1);
}

TEST_CASE("a proxy that does not answer is killed and replaced") {
  Supervised run("mute", milliseconds(100));
  REQUIRE(run.until([&] { return run.serves(); }));
  const pid_t pid = run.supervisor->proxy()->pid();
  REQUIRE(run.until([&] { return run.supervisor->restarts() == 1; }));
  CHECK(::kill(pid, 0) != 0);
}

TEST_CASE("a proxy that answers is left alone under the same patience") {
  Supervised run("serve", milliseconds(1000));
  REQUIRE(run.until([&] { return run.serves(); }));
  bool later = false;
  const auto marker = run.loop.after(milliseconds(2500), [&] { later = true; });
  REQUIRE(run.until([&] { return later; }));
  CHECK(run.supervisor->restarts() == 0);
  CHECK(run.supervisor->last_answer_ns() != 0);
}

TEST_CASE("a proxy that sends what is no message is killed and replaced") {
  Supervised run("garbage");
  CHECK(run.until([&] { return run.supervisor->restarts() == 1; }));
}

TEST_CASE("sockets of namespaces without a workload, or too many at a time, are refused and said so") {
  Supervised run("curious");
  REQUIRE(run.until([&] { return run.serves(); }));
  // The fake proxy counts refusals: three a thread.
  CHECK(run.until(
      [&] { return run.supervisor->proxy()->threads()[0].counters.calls_refused == 2 * threads + threads; }));
  CHECK(run.supervisor->restarts() == 0);
}

TEST_CASE("a proxy that is drained ends and is not replaced") {
  Supervised run("serve");
  REQUIRE(run.until([&] { return run.serves(); }));
  const std::uint32_t generation = run.supervisor->proxy()->generation();
  run.supervisor->drain(milliseconds(5000));
  CHECK(run.supervisor->proxy() == nullptr);
  CHECK(run.closed == std::vector<std::uint32_t>{generation});
  CHECK(run.supervisor->restarts() == 0);
}
