#include "control/server.hpp"

#include <atomic>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>
#include <sys/socket.h>

#include "control/client.hpp"
#include "control/socket.hpp"
#include "fake_backend.hpp"
#include "fixture.hpp"

using namespace callgate;
using namespace callgate::control;
using test::big_text;
using test::Directory;
using test::FakeBackend;
using test::users;

namespace {

struct Fixture {
  explicit Fixture(ServerOptions wanted = {}) {
    wanted.socket = directory.socket();
    wanted.access = {.admins = users({"1001"}),
                     .auditors = {},
                     .viewers = {},
                     .runners = users({"1002"}),
                     .identities = {{"spiffe://callgate.local/pay", users({"1002"})}}};
    server = Server::start(std::move(wanted), backend).value();
  }
  [[nodiscard]] std::unique_ptr<Client> client() const { return Client::connect(directory.socket()).value(); }

  Directory directory;
  FakeBackend backend;
  std::unique_ptr<Server> server;
};

}  // namespace

TEST_CASE("errors and exceptions of a backend reach the client, and the server goes on") {
  Fixture fixture;
  auto client = fixture.client();
  v1::EnrollRequest enroll;
  enroll.set_cgroup("/sys/fs/cgroup/x");
  const auto exists = client->enroll(enroll);
  REQUIRE_FALSE(exists);
  CHECK(exists.error().code == "exists");
  CHECK(exists.error().message == "it is enrolled already");
  v1::UnenrollRequest unenroll;
  unenroll.set_name("x");
  CHECK(client->unenroll(unenroll).error().code == "internal");
  CHECK(client->status());
}

TEST_CASE("requests are checked before a backend sees them") {
  Fixture fixture;
  auto client = fixture.client();
  v1::StartRunRequest run;
  for (const auto* name : {"", "UPPER", "a.b", "-a"}) {
    run.set_name(name);
    CHECK(client->start_run(run).error().code == "bad_name");
  }
  CHECK(client->enroll({}).error().code == "invalid");
  v1::EnrollRequest enroll;
  enroll.set_cgroup("relative");
  CHECK(client->enroll(enroll).error().code == "invalid");
  enroll.set_pid(0);
  CHECK(client->enroll(enroll).error().code == "invalid");
  CHECK(client->unenroll({}).error().code == "invalid");
  v1::ListSessionsRequest list;
  list.set_page_size(1001);
  CHECK(client->list_sessions(list).error().code == "invalid");
  v1::ShowSessionRequest show;
  for (const auto* id : {"", "abc", "ABCDEF", "../../etc", "0123456789abcdef0123456789abcdef0"}) {
    show.set_id(id);
    CHECK(client->show_session(show, [](const v1::ShowSessionPart&) { return true; }).error().code ==
          "bad_id");
  }
}

TEST_CASE("big answers pass, too big requests do not") {
  Fixture fixture;
  auto client = fixture.client();
  v1::ListSessionsRequest list;
  list.set_page_size(8);
  const auto page = client->list_sessions(list);
  REQUIRE(page);
  CHECK(page->records_size() == 8);
  CHECK(page->records(7).function().size() == big_text);
  list.set_page_size(20);
  CHECK(client->list_sessions(list).error().code == "too_large");
  list.set_page_token(std::string(100'000, 't'));
  CHECK(client->list_sessions(list).error().code == "too_large");
  CHECK(client->status());
}

TEST_CASE("a session streams whole, and can be left early") {
  Fixture fixture;
  auto client = fixture.client();
  v1::ShowSessionRequest show;
  show.set_id("abcdef");
  std::size_t bytes = 0;
  CHECK(client->show_session(show, [&](const v1::ShowSessionPart& part) {
    bytes += part.payload().data().size();
    return true;
  }));
  CHECK(bytes == 64U * (256U << 10U));
  int parts = 0;
  CHECK(client->show_session(show, [&](const v1::ShowSessionPart&) { return ++parts < 2; }));
  CHECK(parts == 2);
}

TEST_CASE("a backend notices that a following client has gone") {
  Fixture fixture;
  {
    auto client = fixture.client();
    CHECK(client->tail_sessions({}, [](const v1::TailItem& item) {
      CHECK(item.record().status() == 200);
      return false;
    }));
  }
  CHECK(fixture.backend.wait_for_ended_tails(1));
}

TEST_CASE("a server that stops ends the streams of its clients and removes its socket") {
  Fixture fixture;
  auto client = fixture.client();
  std::atomic<bool> following = false;
  std::thread follower([&] {
    const auto ended = client->tail_sessions({}, [&](const v1::TailItem&) {
      following = true;
      following.notify_all();
      return true;
    });
    CHECK(ended);
  });
  following.wait(false);
  fixture.server.reset();
  follower.join();
  CHECK(client->status().error().code == "agent_unreachable");
  CHECK_FALSE(std::filesystem::exists(fixture.directory.socket()));
  CHECK(Client::connect(fixture.directory.socket()).error().code == "agent_unreachable");
}

TEST_CASE("streams are limited, other requests are not") {
  ServerOptions options;
  options.streams = 1;
  Fixture fixture(std::move(options));
  auto first = fixture.client();
  std::atomic<bool> following = false;
  std::atomic<bool> enough = false;
  std::thread follower([&] {
    CHECK(first->tail_sessions({}, [&](const v1::TailItem&) {
      following = true;
      following.notify_all();
      enough.wait(false);
      return false;
    }));
  });
  following.wait(false);
  auto second = fixture.client();
  CHECK(second->tail_sessions({}, [](const v1::TailItem&) { return true; }).error().code == "too_many");
  CHECK(second->status());
  enough = true;
  enough.notify_all();
  follower.join();
}

TEST_CASE("a second server on the same socket is refused") {
  Fixture fixture;
  ServerOptions options;
  options.socket = fixture.directory.socket();
  const auto second = Server::start(std::move(options), fixture.backend);
  REQUIRE_FALSE(second);
  CHECK(second.error().code == "in_use");
  CHECK(fixture.client()->status());
}

TEST_CASE("connections that say nothing, or nonsense, do no harm") {
  Fixture fixture;
  std::vector<Fd> silent;
  for (int index = 0; index < 20; ++index)
    silent.push_back(connect_to(fixture.directory.socket()).value());
  const auto nonsense = connect_to(fixture.directory.socket()).value();
  const std::string text = "GET / HTTP/1.1\r\n\r\n" + std::string(1000, '\xff');
  CHECK(::send(nonsense.get(), text.data(), text.size(), MSG_NOSIGNAL) > 0);
  CHECK(fixture.client()->status());
}
