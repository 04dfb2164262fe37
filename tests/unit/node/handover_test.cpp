// The conversation of a replacement, with either side played by the test.
#include <catch2/catch.hpp>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "node/handover_channel.hpp"
#include "node/predecessor.hpp"
#include "node/replacement.hpp"
#include "support.hpp"

using namespace callgate;
using namespace callgate::node;
using callgate::testing::TemporaryDirectory;
using std::chrono::milliseconds;

namespace {

struct Running {
  Running() { REQUIRE(replacement.listen()); }
  // The next one's end, past its greeting.
  HandoverChannel greeted() {
    auto next = HandoverChannel::connect(socket);
    REQUIRE(next);
    v1::Handover hello;
    hello.mutable_hello()->set_version("9.9");
    hello.mutable_hello()->set_generation(7);
    hello.mutable_hello()->set_pid(4711);
    REQUIRE(next->send(hello));
    const auto answer = next->wait(loop, milliseconds(2000));
    REQUIRE(answer);
    CHECK(answer->hello().generation() == 3);
    return std::move(*next);
  }
  HandoverChannel ready_one() {
    auto next = greeted();
    v1::Handover message;
    message.mutable_ready();
    REQUIRE(next.send(message));
    loop.run_until([this] { return ready; }, milliseconds(2000));
    REQUIRE(ready);
    return next;
  }
  static bool never() { return false; }

  TemporaryDirectory directory;
  std::string socket = directory.path() + "/handover.sock";
  Loop loop;
  bool ready = false;
  Replacement replacement{loop, {socket, "/bin/true", "/config", "", 1, 3}, [this] { ready = true; }};
};

v1::Handover given_back(const std::string& reason) {
  v1::Handover message;
  message.mutable_given_back()->set_reason(reason);
  return message;
}

}  // namespace

TEST_CASE("the socket of a handover is root's alone, and takes the place of a stale one") {
  Running running;
  struct stat status {};
  REQUIRE(::stat(running.socket.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  running.replacement.stop_listening();
  CHECK(HandoverChannel::connect(running.socket).error().code == "not_running");
  CHECK(running.replacement.listen());
  CHECK(HandoverChannel::connect(running.socket));
  CHECK(HandoverChannel::connect(running.directory.path() + "/none").error().code == "not_running");
}

TEST_CASE("a next one that is ready gets the state, and what was in force with it") {
  Running running;
  auto next = running.ready_one();
  CHECK(running.replacement.status().state() == v1::UPGRADE_STATE_SWITCHING);
  CHECK(running.replacement.status().version() == "9.9");
  v1::Handover switched;
  switched.mutable_switched();
  REQUIRE(next.send(switched));
  CHECK(running.replacement.hand_over({5, 6}, Running::never));
  const auto yours = next.wait(running.loop, milliseconds(2000));
  REQUIRE(yours);
  REQUIRE(yours->yours().in_force_size() == 2);
  CHECK(yours->yours().in_force(1) == 6);
}

TEST_CASE("what the next one gives back is taken back, and it is told") {
  Running running;
  auto next = running.ready_one();
  REQUIRE(next.send(given_back("no ports")));
  CHECK_FALSE(running.replacement.hand_over({}, Running::never));
  running.replacement.taken_back();
  CHECK(next.wait(running.loop, milliseconds(2000))->has_yours());
  CHECK(next.wait(running.loop, milliseconds(2000))->has_taken_back());
  CHECK(running.replacement.status().state() == v1::UPGRADE_STATE_FAILED);
  CHECK(running.replacement.status().problem() == "no ports");
}

TEST_CASE("a next one that dies with the state gives it back by that") {
  Running running;
  { const auto next = running.ready_one(); }
  CHECK_FALSE(running.replacement.hand_over({}, Running::never));
  CHECK(running.replacement.status().state() == v1::UPGRADE_STATE_FAILED);
  // Another one may try.
  running.replacement.taken_back();
  running.ready = false;
  running.ready_one();
}

TEST_CASE("who is asked to stop while the next one has the state only has to drain") {
  Running running;
  const auto next = running.ready_one();
  CHECK(running.replacement.hand_over({}, [] { return true; }));
}

TEST_CASE("a second next one is refused while there is a first") {
  Running running;
  const auto first = running.greeted();
  const auto second = HandoverChannel::connect(running.socket);
  REQUIRE(second);
  const auto answer = second->wait(running.loop, milliseconds(2000));
  REQUIRE(answer);
  CHECK(answer->has_refused());
}

TEST_CASE("bytes that are no message, and messages out of order, end the conversation and nothing else") {
  Running running;
  for (const std::string& bytes :
       {std::string("\xff\xff\xff", 3), std::string(), given_back("x").SerializeAsString()}) {
    const auto next = HandoverChannel::connect(running.socket);
    REQUIRE(next);
    if (bytes.empty()) {
      v1::Handover early;
      early.mutable_ready();  // before its hello
      REQUIRE(next->send(early));
    } else {
      REQUIRE(::send(next->fd(), bytes.data(), bytes.size(), 0) > 0);
    }
    const auto answer = next->wait(running.loop, milliseconds(2000));
    REQUIRE_FALSE(answer);
    CHECK(answer.error().code == "closed");
    CHECK_FALSE(running.ready);
  }
  running.ready_one();
}

TEST_CASE("a dry run leaves everything where it is") {
  Running running;
  const auto next = running.greeted();
  v1::Handover message;
  message.mutable_ready()->set_dry_run(true);
  message.mutable_ready()->add_notes("a note");
  REQUIRE(next.send(message));
  running.loop.run_until([&] { return running.replacement.status().state() == v1::UPGRADE_STATE_POSSIBLE; },
                         milliseconds(2000));
  CHECK(running.replacement.status().notes(0) == "a note");
  CHECK_FALSE(running.ready);
}

TEST_CASE("a predecessor that refuses, or is silent, keeps the state") {
  TemporaryDirectory directory;
  const std::string path = directory.path() + "/handover.sock";
  const auto listener = listen_for_handover(path);
  REQUIRE(listener);
  Loop loop;
  CHECK(accept_handover(listener->get()).error().code == "would_block");
  auto predecessor = Predecessor::find(loop, path);
  REQUIRE(predecessor);
  const auto running = accept_handover(listener->get());
  REQUIRE(running);
  v1::Handover refused;
  refused.mutable_refused()->set_reason("not now");
  REQUIRE(running->send(refused));
  const auto greeted = predecessor->greet(1, 2);
  REQUIRE_FALSE(greeted);
  CHECK(greeted.error().code == "refused");
  CHECK(greeted.error().message.find("not now") != std::string::npos);
}
