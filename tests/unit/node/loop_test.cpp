#include <csignal>
#include <thread>

#include <catch2/catch.hpp>

#include "base/fd.hpp"
#include "node/packet.hpp"
#include "support.hpp"

using namespace callgate;
using namespace callgate::node;
using callgate::testing::run_until;
using std::chrono::milliseconds;

TEST_CASE("timers run once or again and again, and not after they are gone") {
  Loop loop;
  int once = 0;
  int repeated = 0;
  int never = 0;
  auto first = loop.after(milliseconds(1), [&] { ++once; });
  auto second = loop.every(milliseconds(1), [&] { ++repeated; });
  {
    const auto gone = loop.after(milliseconds(1), [&] { ++never; });
  }
  REQUIRE(run_until(loop, [&] { return repeated >= 3; }));
  CHECK(once == 1);
  CHECK(never == 0);
}

TEST_CASE("a timer may destroy itself in its own callback") {
  Loop loop;
  int runs = 0;
  Loop::Timer timer;
  timer = loop.every(milliseconds(1), [&] {
    ++runs;
    timer = {};
  });
  bool later = false;
  const auto marker = loop.after(milliseconds(30), [&] { later = true; });
  REQUIRE(run_until(loop, [&] { return later; }));
  CHECK(runs == 1);
}

TEST_CASE("a watched descriptor calls back for as long as there is something to read") {
  Loop loop;
  auto pair = make_packet_pair();
  REQUIRE(pair);
  int read = 0;
  auto watch = loop.when_readable(pair->first.get(), [&] {
    if (receive_packet(pair->first.get())) ++read;  // one at a time: the rest must call back again
  });
  for (int i = 0; i < 3; ++i)
    REQUIRE(send_packet(pair->second.get(), "x", {}));
  REQUIRE(run_until(loop, [&] { return read == 3; }));
  watch = {};
  REQUIRE(send_packet(pair->second.get(), "x", {}));
  bool later = false;
  const auto marker = loop.after(milliseconds(20), [&] { later = true; });
  REQUIRE(run_until(loop, [&] { return later; }));
  CHECK(read == 3);
  CHECK(receive_packet(pair->first.get()));  // the descriptor stays the caller's
}

TEST_CASE("work and signals arrive from elsewhere") {
  Loop loop;
  int posted = 0;
  int seen = 0;
  loop.on_signals({SIGUSR1}, [&](int signal) { seen = signal; });
  std::thread other([&] { loop.post([&] { ++posted; }); });
  other.join();
  ::raise(SIGUSR1);
  CHECK(run_until(loop, [&] { return posted == 1 && seen == SIGUSR1; }));
}
