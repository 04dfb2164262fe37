// The conversation of a replacement, with either side played by the test.
#include <csignal>

#include <catch2/catch.hpp>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/file.hpp"
#include "node/handover_channel.hpp"
#include "node/predecessor.hpp"
#include "node/replacement.hpp"
#include "support.hpp"

using namespace callgate;
using namespace callgate::node;
using callgate::testing::run_until;
using callgate::testing::TemporaryCgroup;
using callgate::testing::TemporaryDirectory;
using std::chrono::milliseconds;

namespace {

using HandedOver = Replacement::HandedOver;

v1::Handover hello(std::uint32_t generation, std::uint32_t pid) {
  v1::Handover message;
  message.mutable_hello()->set_version("9.9");
  message.mutable_hello()->set_generation(generation);
  message.mutable_hello()->set_pid(pid);
  return message;
}

v1::Handover ready(bool dry_run) {
  v1::Handover message;
  message.mutable_ready()->set_dry_run(dry_run);
  return message;
}

v1::Handover given_back(const std::string& reason) {
  v1::Handover message;
  message.mutable_given_back()->set_reason(reason);
  return message;
}

struct Running {
  Running() { REQUIRE(replacement.listen()); }
  // The next one's end, past its greeting.
  HandoverChannel greeted() {
    auto next = HandoverChannel::connect(socket);
    REQUIRE(next);
    REQUIRE(next->send(hello(7, 4711)));
    const auto answer = next->wait(loop, milliseconds(2000));
    REQUIRE(answer);
    CHECK(answer->hello().generation() == 3);
    return std::move(*next);
  }
  HandoverChannel ready_one() {
    auto next = greeted();
    REQUIRE(next.send(ready(false)));
    loop.run_until([this] { return asked; }, milliseconds(2000));
    REQUIRE(asked);
    return next;
  }
  static bool never() { return false; }
  // What replacement.begin() starts: one that greets, is ready, and goes on with `then` until the file "end"
  // is there. Its messages are those of handover.proto in bytes.
  void write_next(bool dry_run, const std::string& then) const {
    write_program(std::string(R"(import os, socket, sys, time
def number(value):
    return bytes([value]) if value < 128 else bytes([128 | value & 127]) + number(value >> 7)
directory = os.path.dirname(sys.argv[0])
line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
line.connect(directory + "/handover.sock")
generation_and_pid = b"\x18\x08\x20" + number(os.getpid())
line.send(b"\x0a" + number(len(generation_and_pid)) + generation_and_pid)
line.recv(4096)
)") + "line.send(b'\\x12\\x02\\x08\\x0" +
                  (dry_run ? "1" : "0") + "')\n" + then +
                  "while not os.path.exists(directory + '/end'):\n    time.sleep(0.01)\n");
  }
  void write_program(const std::string& python) const {
    REQUIRE(create_file(directory.path() + "/next", "#!/usr/bin/python3 -SE\n" + python, 0700));
  }

  TemporaryDirectory directory;
  std::string socket = directory.path() + "/handover.sock";
  Loop loop;
  TemporaryCgroup cgroup;
  bool asked = false;  // for the state
  Replacement replacement{
      loop, {socket, directory.path() + "/next", "/config", cgroup.path(), 1, 3}, [this] { asked = true; }};
};

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
  CHECK(running.replacement.hand_over({5, 6}, Running::never) == HandedOver::replaced);
  const auto yours = next.wait(running.loop, milliseconds(2000));
  REQUIRE(yours);
  REQUIRE(yours->yours().in_force_size() == 2);
  CHECK(yours->yours().in_force(1) == 6);
}

TEST_CASE("what the next one gives back is taken back, and it is told") {
  Running running;
  auto next = running.ready_one();
  REQUIRE(next.send(given_back("no ports")));
  CHECK(running.replacement.hand_over({}, Running::never) == HandedOver::given_back);
  running.replacement.taken_back();
  CHECK(next.wait(running.loop, milliseconds(2000))->has_yours());
  CHECK(next.wait(running.loop, milliseconds(2000))->has_taken_back());
  CHECK(running.replacement.status().state() == v1::UPGRADE_STATE_FAILED);
  CHECK(running.replacement.status().problem() == "no ports");
}

TEST_CASE("a next one that dies with the state gives it back by that") {
  Running running;
  { const auto next = running.ready_one(); }
  CHECK(running.replacement.hand_over({}, Running::never) == HandedOver::given_back);
  CHECK(running.replacement.status().state() == v1::UPGRADE_STATE_FAILED);
  // Another one may try.
  running.replacement.taken_back();
  running.asked = false;
  running.ready_one();
}

TEST_CASE("who is asked to stop while the next one has the state is stopping, and not replaced") {
  Running running;
  const auto next = running.ready_one();
  CHECK(running.replacement.hand_over({}, [] { return true; }) == HandedOver::stopping);
}

TEST_CASE("who is asked to stop asks the next one that it started, too") {
  Running running;
  running.write_next(false, "");
  REQUIRE(running.replacement.begin(false));
  const auto child = static_cast<pid_t>(running.replacement.status().pid());
  REQUIRE(run_until(running.loop, [&] { return running.asked; }));
  CHECK(running.replacement.hand_over({}, [] { return true; }) == HandedOver::stopping);
  CHECK(run_until(running.loop, [&] { return ::kill(child, 0) != 0; }));
}

TEST_CASE("one that greets twice, or is ready twice, breaks the order") {
  const bool greets = GENERATE(true, false);
  Running running;
  const auto next = running.greeted();
  if (greets) {
    REQUIRE(next.send(hello(8, 4711)));
  } else {
    REQUIRE(next.send(ready(true)));
    REQUIRE(next.send(ready(false)));
  }
  CHECK(next.wait(running.loop, milliseconds(2000)).error().code == "closed");
  CHECK_FALSE(running.asked);
  CHECK(running.replacement.status().generation() == 7);
  CHECK(running.replacement.status().state() == v1::UPGRADE_STATE_FAILED);
}

TEST_CASE("one that skips its greeting is not taken for the one before it") {
  Running running;
  { const auto first = running.greeted(); }
  REQUIRE(run_until(running.loop,
                    [&] { return running.replacement.status().state() == v1::UPGRADE_STATE_FAILED; }));
  const auto second = HandoverChannel::connect(running.socket);
  REQUIRE(second);
  REQUIRE(second->send(ready(false)));
  CHECK(second->wait(running.loop, milliseconds(2000)).error().code == "closed");
  CHECK_FALSE(running.asked);
}

TEST_CASE("while a next one that was started here is awaited, no other is taken for it") {
  Running running;
  running.write_program("import time\ntime.sleep(60)\n");
  REQUIRE(running.replacement.begin(false));
  const auto child = running.replacement.status().pid();
  auto stranger = Predecessor::find(running.loop, running.socket);
  REQUIRE(stranger);
  const auto greeted = stranger->greet(1, 7);
  REQUIRE_FALSE(greeted);
  CHECK(greeted.error().code == "refused");
  CHECK_THAT(greeted.error().message, Catch::Matchers::Contains("another replacement is under way"));
  CHECK(running.replacement.status().state() == v1::UPGRADE_STATE_STARTING);
  CHECK(running.replacement.status().pid() == child);
}

TEST_CASE("the end of one that was started here says nothing about one that was started by hand") {
  Running running;
  running.write_next(true, "line.close()\n");
  REQUIRE(running.replacement.begin(true));
  const auto child = static_cast<pid_t>(running.replacement.status().pid());
  REQUIRE(run_until(running.loop,
                    [&] { return running.replacement.status().state() == v1::UPGRADE_STATE_POSSIBLE; }));
  auto by_hand = Predecessor::find(running.loop, running.socket);
  REQUIRE(by_hand);
  // Until the end of the other conversation was seen.
  for (auto greeted = by_hand->greet(1, 7); !greeted; greeted = by_hand->greet(1, 7)) {
    REQUIRE(greeted.error().code == "refused");
    by_hand = Predecessor::find(running.loop, running.socket);
    REQUIRE(by_hand);
  }
  REQUIRE(create_file(running.directory.path() + "/end", "", 0600));
  REQUIRE(run_until(running.loop, [&] { return ::kill(child, 0) != 0; }));
  CHECK(running.replacement.status().state() == v1::UPGRADE_STATE_STARTING);
  CHECK(running.replacement.status().pid() == static_cast<std::uint32_t>(::getpid()));
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
      REQUIRE(next->send(ready(false)));  // before its hello
    } else {
      REQUIRE(::send(next->fd(), bytes.data(), bytes.size(), 0) > 0);
    }
    const auto answer = next->wait(running.loop, milliseconds(2000));
    REQUIRE_FALSE(answer);
    CHECK(answer.error().code == "closed");
    CHECK_FALSE(running.asked);
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
  CHECK_FALSE(running.asked);
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
