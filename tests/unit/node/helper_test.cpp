#include "node/helper.hpp"

#include <csignal>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/file.hpp"
#include "kernel/gate.hpp"
#include "support.hpp"

using namespace callgate;
using namespace callgate::node;
using callgate::testing::run_until;
using callgate::testing::TemporaryCgroup;

namespace {

// A network namespace of the test's own: lo is up in it if asked.
Fd make_namespace(bool loopback_up) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::unshare(CLONE_NEWNET) != 0) ::_exit(1);
    if (loopback_up && std::system("ip link set lo up") != 0) ::_exit(1);
    if (::write(ends[1], "x", 1) != 1) ::_exit(1);
    for (;;)
      ::pause();
  }
  ::close(ends[1]);
  char byte = 0;
  REQUIRE(::read(ends[0], &byte, 1) == 1);
  ::close(ends[0]);
  Fd handle(::open(("/proc/" + std::to_string(child) + "/ns/net").c_str(), O_RDONLY | O_CLOEXEC));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  REQUIRE(handle);
  return handle;
}

struct Running {
  Loop loop;
  TemporaryCgroup cgroup;
  Helper helper{loop, CALLGATED, cgroup.path()};
  Running() { REQUIRE(helper.start()); }
};

std::uint64_t cookie_of(const Fd& socket) {
  return kernel::netns_cookie(socket.get()).value();
}

}  // namespace

TEST_CASE("the helper tells the facts of a namespace") {
  Running running;
  const Fd up = make_namespace(true);
  const Fd down = make_namespace(false);
  const auto facts = running.helper.facts(up.get());
  REQUIRE(facts);
  CHECK(facts->loopback_up);
  CHECK_FALSE(facts->source_v4);  // no route
  CHECK_FALSE(running.helper.facts(down.get())->loopback_up);
  CHECK(running.helper.facts(down.get())->cookie != facts->cookie);
  CHECK(facts->cookie != kernel::current_netns_cookie().value());
}

TEST_CASE("the helper's sockets are in the namespace that was asked for, of the kind that was asked for") {
  Running running;
  const Fd place = make_namespace(true);
  const auto facts = running.helper.facts(place.get());
  REQUIRE(facts);
  for (const bool v6 : {false, true}) {
    std::optional<Result<std::vector<Fd>>> made;
    running.helper.make_sockets(place.get(), v6, 3, [&](auto sockets) { made = std::move(sockets); });
    REQUIRE(run_until(running.loop, [&] { return made.has_value(); }));
    REQUIRE(*made);
    REQUIRE(made->value().size() == 3);
    for (const Fd& socket : made->value()) {
      CHECK(cookie_of(socket) == facts->cookie);
      CHECK((::fcntl(socket.get(), F_GETFL) & O_NONBLOCK) != 0);
      int domain = 0;
      socklen_t size = sizeof(domain);
      REQUIRE(::getsockopt(socket.get(), SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0);
      CHECK(domain == (v6 ? AF_INET6 : AF_INET));
    }
  }
}

TEST_CASE("a gate listens on a port of the range, another one on the next") {
  Running running;
  const Fd place = make_namespace(true);
  const auto first = running.helper.make_gate(place.get(), false, 61000, 61001);
  const auto second = running.helper.make_gate(place.get(), false, 61000, 61001);
  REQUIRE(first);
  REQUIRE(second);
  CHECK(first->port == 61000);
  CHECK(second->port == 61001);
  CHECK(kernel::gate_alive(first->listener.get()));
  CHECK(cookie_of(first->listener) == running.helper.facts(place.get())->cookie);
  const auto third = running.helper.make_gate(place.get(), false, 61000, 61001);
  REQUIRE_FALSE(third);
  CHECK(third.error().code == "gate_ports_taken");
}

TEST_CASE("what is no namespace is an error, and the helper goes on") {
  Running running;
  const Fd nonsense(::open("/dev/null", O_RDONLY));
  CHECK_FALSE(running.helper.facts(nonsense.get()));
  const Fd place = make_namespace(true);
  CHECK(running.helper.facts(place.get()));
  std::optional<Result<std::vector<Fd>>> made;
  running.helper.make_sockets(place.get(), false, helper_most_sockets + 1,
                              [&](auto sockets) { made = std::move(sockets); });
  REQUIRE(run_until(running.loop, [&] { return made.has_value(); }));
  CHECK(made->error().code == "too_many");
}

TEST_CASE("a namespace that nobody uses does not live on in the helper") {
  Running running;
  Fd place = make_namespace(true);
  REQUIRE(running.helper.facts(place.get()));
  const std::string held = "/proc/" + std::to_string(running.helper.pid()) + "/ns/net";
  CHECK(std::filesystem::equivalent(held, "/proc/self/ns/net"));
}

TEST_CASE("a helper that is killed is replaced, and who waited for it is told") {
  Running running;
  const Fd place = make_namespace(true);
  const pid_t first = running.helper.pid();
  REQUIRE(::kill(first, SIGSTOP) == 0);  // it keeps the request, and dies with it
  std::optional<Result<std::vector<Fd>>> made;
  running.helper.make_sockets(place.get(), false, 1, [&](auto sockets) { made = std::move(sockets); });
  REQUIRE(::kill(first, SIGKILL) == 0);
  REQUIRE(run_until(running.loop, [&] { return made.has_value(); }));
  REQUIRE_FALSE(*made);
  CHECK(made->error().code == "unavailable");
  CHECK(running.helper.restarts() == 1);
  CHECK(running.helper.pid() != first);
  CHECK(running.helper.facts(place.get()));
  CHECK_THAT(read_file("/proc/" + std::to_string(running.helper.pid()) + "/cgroup").value(),
             Catch::Matchers::Contains("callgate-test"));
}

TEST_CASE("a helper that hangs is killed and replaced") {
  Running running;
  const Fd place = make_namespace(true);
  REQUIRE(::kill(running.helper.pid(), SIGSTOP) == 0);
  const auto facts = running.helper.facts(place.get());
  REQUIRE_FALSE(facts);
  CHECK(facts.error().code == "unavailable");
  CHECK(running.helper.facts(place.get()));
}
