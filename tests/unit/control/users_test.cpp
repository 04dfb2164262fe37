// Clients under several users. Each is a process of its own, made by starting this program again with the
// name of one of the hidden cases below: a forked copy of a process that has used gRPC cannot use it.
#include <array>
#include <cstdlib>
#include <sstream>
#include <vector>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/client.hpp"
#include "control/peers.hpp"
#include "control/server.hpp"
#include "control/socket.hpp"
#include "fake_backend.hpp"
#include "fixture.hpp"

using namespace callgate;
using namespace callgate::control;
using test::Directory;
using test::FakeBackend;
using test::users;

namespace {

void need_root() {
  if (::getuid() == 0) return;
  std::fputs("skipped: control_users_tests needs root, to become other users\n", stderr);
  std::exit(77);
}

// Starts the hidden case `name` for `uid` with supplementary `groups`; standard output stays this program's,
// unless `output` is given.
pid_t start_client(const std::string& name, uid_t uid, const std::string& socket, int output = 1,
                   const std::string& groups = {}) {
  std::vector<std::string> environment{"CALLGATE_TEST_SOCKET=" + socket,
                                       fmt::format("CALLGATE_TEST_UID={}", uid),
                                       "CALLGATE_TEST_GROUPS=" + groups};
  std::array<char*, 4> variables{environment[0].data(), environment[1].data(), environment[2].data(),
                                 nullptr};
  std::string program = "/proc/self/exe";
  std::string test_case = name;
  std::array<char*, 3> arguments{program.data(), test_case.data(), nullptr};
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, output, 1);
  pid_t child = -1;
  REQUIRE(::posix_spawn(&child, program.c_str(), &actions, nullptr, arguments.data(), variables.data()) == 0);
  ::posix_spawn_file_actions_destroy(&actions);
  return child;
}

int status_of(pid_t child) {
  int status = -1;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

// In a hidden case: becomes the wanted user, and returns the socket.
std::string become_client() {
  const char* const uid = std::getenv("CALLGATE_TEST_UID");
  const char* const socket = std::getenv("CALLGATE_TEST_SOCKET");
  REQUIRE(uid != nullptr);
  REQUIRE(socket != nullptr);
  const auto number = static_cast<uid_t>(std::atoi(uid));
  std::istringstream list(std::getenv("CALLGATE_TEST_GROUPS"));
  std::vector<gid_t> groups;
  for (gid_t group = 0; list >> group;)
    groups.push_back(group);
  REQUIRE(::setgroups(groups.size(), groups.data()) == 0);
  REQUIRE(::setgid(number) == 0);
  REQUIRE(::setuid(number) == 0);
  return socket;
}

template <typename T>
std::string code_of(const Result<T>& result) {
  return result ? "ok" : result.error().code;
}

v1::StartRunRequest run_as(const std::string& identity) {
  v1::StartRunRequest request;
  request.set_name("shop");
  request.set_identity(identity);
  return request;
}

v1::EnrollRequest enroll_first() {
  v1::EnrollRequest request;
  request.set_pid(1);
  return request;
}

// What viewers and auditors may ask for, and what only others may.
void check_sees_only(Client& client) {
  CHECK(code_of(client.metrics()) == "ok");
  CHECK(code_of(client.list_workloads()) == "ok");
  CHECK(code_of(client.list_sessions({})) == "ok");
  CHECK(code_of(client.identity_show({})) == "ok");
  v1::ShowSessionRequest show;
  show.set_id("abcdef");
  CHECK(code_of(client.show_session(show, [](const v1::ShowSessionPart&) { return false; })) == "ok");
  CHECK(code_of(client.tail_sessions({}, [](const v1::TailItem&) { return false; })) == "ok");
  CHECK(code_of(client.enroll(enroll_first())) == "denied");
  CHECK(code_of(client.unenroll({})) == "denied");
  CHECK(code_of(client.start_run(run_as(""))) == "denied");
  CHECK(code_of(client.doctor()) == "denied");
  CHECK(code_of(client.start_upgrade({})) == "denied");
}

constexpr auto pay = "spiffe://callgate.local/pay";
constexpr auto other = "spiffe://callgate.local/other";

ServerOptions options_for(const Directory& directory) {
  ServerOptions options;
  options.socket = directory.socket();
  options.access = {.admins = users({"1001", "group:2001"}),
                    .auditors = users({"1005", "group:2005"}),
                    .viewers = users({"1006", "group:2006"}),
                    .runners = users({"1002", "group:2002"}),
                    .identities = {{pay, users({"1002", "group:2002"})}}};
  return options;
}

}  // namespace

TEST_CASE("client-itself", "[.]") {
  const auto socket = become_client();
  // A new connection each round, so that numbers of descriptors pass from one user to the next as fast as
  // they can.
  for (int round = 0; round < 40; ++round) {
    auto client = Client::connect(socket).value();
    const auto reply = client->status();
    REQUIRE(reply);
    REQUIRE(reply->version() == fmt::format("{}:{}:0", ::getuid(), ::getpid()));
    REQUIRE(reply->pid() == 1);
  }
}

TEST_CASE("client-admin", "[.]") {
  auto client = Client::connect(become_client()).value();
  CHECK(code_of(client->enroll(enroll_first())) == "exists");
  CHECK(code_of(client->start_run(run_as(other))) == "ok");
  CHECK(code_of(client->doctor()) == "ok");
}

TEST_CASE("client-runner", "[.]") {
  auto client = Client::connect(become_client()).value();
  CHECK(code_of(client->enroll(enroll_first())) == "denied");
  CHECK(code_of(client->unenroll({})) == "denied");
  CHECK(code_of(client->start_run(run_as(""))) == "ok");
  CHECK(code_of(client->start_run(run_as(pay))) == "ok");
  CHECK(code_of(client->start_run(run_as(other))) == "identity_not_granted");
  CHECK(client->start_run(run_as(""))->workload().owner_uid() == ::getuid());
  CHECK(code_of(client->list_workloads()) == "ok");
  CHECK(code_of(client->metrics()) == "ok");
  CHECK(code_of(client->doctor()) == "denied");
}

TEST_CASE("client-auditor", "[.]") {
  auto client = Client::connect(become_client()).value();
  CHECK(client->status()->version() == fmt::format("{}:{}:2", ::getuid(), ::getpid()));
  check_sees_only(*client);
}

TEST_CASE("client-viewer", "[.]") {
  auto client = Client::connect(become_client()).value();
  CHECK(client->status()->version() == fmt::format("{}:{}:1", ::getuid(), ::getpid()));
  check_sees_only(*client);
}

TEST_CASE("client-in-many-groups", "[.]") {
  auto client = Client::connect(become_client()).value();
  CHECK(client->status()->version() == fmt::format("{}:{}:1", ::getuid(), ::getpid()));
}

TEST_CASE("client-stranger", "[.]") {
  auto client = Client::connect(become_client()).value();
  const auto refused = client->start_run(run_as(""));
  CHECK(code_of(refused) == "denied");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("`run.users`") != std::string::npos);
  CHECK(code_of(client->start_run(run_as(pay))) == "denied");
  CHECK(code_of(client->status()) == "denied");
  CHECK(code_of(client->metrics()) == "denied");
  CHECK(code_of(client->list_workloads()) == "denied");
  CHECK(code_of(client->enroll(enroll_first())) == "denied");
  CHECK(code_of(client->doctor()) == "denied");
  CHECK(code_of(client->list_sessions({})) == "denied");
  CHECK(code_of(client->identity_show({})) == "denied");
  CHECK(code_of(client->identity_bundle({})) == "denied");
  v1::ShowSessionRequest show;
  show.set_id("abcdef");
  CHECK(code_of(client->show_session(show, [](const v1::ShowSessionPart&) { return true; })) == "denied");
  CHECK(code_of(client->tail_sessions({}, [](const v1::TailItem&) { return false; })) == "denied");
  CHECK(code_of(client->search_sessions({}, [](const v1::SearchPart&) { return false; })) == "denied");
}

TEST_CASE("client-connects", "[.]") {
  CHECK(code_of(Client::connect(become_client())) == "ok");
}

TEST_CASE("client-may-not-open", "[.]") {
  CHECK(code_of(Client::connect(become_client())) == "denied");
}

TEST_CASE("client-impostor", "[.]") {
  const auto socket = ListeningSocket::open(become_client(), std::nullopt);
  REQUIRE(socket);
  REQUIRE(::write(1, "y", 1) == 1);
  ::pause();
}

TEST_CASE("a backend learns uid, pid and process of each of many concurrent clients") {
  need_root();
  const Directory directory;
  FakeBackend backend;
  auto options = options_for(directory);
  options.access.runners = users({"*"});
  const auto server = Server::start(std::move(options), backend).value();
  std::vector<pid_t> clients;
  for (uid_t uid = 3000; uid < 3024; ++uid)
    clients.push_back(start_client("client-itself", uid, directory.socket()));
  for (const auto client : clients)
    CHECK(status_of(client) == 0);
}

TEST_CASE("users get what is granted to them, and are told which key grants it") {
  need_root();
  const Directory directory;
  FakeBackend backend;
  const auto server = Server::start(options_for(directory), backend).value();
  CHECK(status_of(start_client("client-admin", 1001, directory.socket())) == 0);
  CHECK(status_of(start_client("client-runner", 1002, directory.socket())) == 0);
  CHECK(status_of(start_client("client-auditor", 1005, directory.socket())) == 0);
  CHECK(status_of(start_client("client-viewer", 1006, directory.socket())) == 0);
  CHECK(status_of(start_client("client-stranger", 1003, directory.socket())) == 0);
}

TEST_CASE("users get what is granted to a group of theirs, primary or supplementary") {
  need_root();
  const Directory directory;
  FakeBackend backend;
  const auto server = Server::start(options_for(directory), backend).value();
  // The primary group of these is the number of the user.
  for (const auto& [name, group] : {std::pair("client-admin", 2001), std::pair("client-runner", 2002),
                                    std::pair("client-auditor", 2005), std::pair("client-viewer", 2006)}) {
    INFO(name);
    CHECK(status_of(start_client(name, static_cast<uid_t>(group), directory.socket())) == 0);
    CHECK(status_of(start_client(name, 1003, directory.socket(), 1, fmt::format("1 {} 3", group))) == 0);
  }
  CHECK(status_of(start_client("client-stranger", 1003, directory.socket(), 1, "0 1 1001 2003")) == 0);
}

TEST_CASE("many groups are read to their last one, and too many count as none") {
  need_root();
  const Directory directory;
  FakeBackend backend;
  const auto server = Server::start(options_for(directory), backend).value();
  const auto with_groups = [&](std::size_t count, const char* name) {
    std::string groups = "2006";
    for (std::size_t group = 1; group < count; ++group)
      groups += " 3000";
    return status_of(start_client(name, 1003, directory.socket(), 1, groups));
  };
  for (const std::size_t count : {std::size_t{64}, std::size_t{65}, most_groups})
    CHECK(with_groups(count, "client-in-many-groups") == 0);
  CHECK(with_groups(most_groups + 1, "client-stranger") == 0);
}

TEST_CASE("a client that claims to be another would be noticed") {
  need_root();
  const Directory directory;
  FakeBackend backend;
  const auto server = Server::start(options_for(directory), backend).value();
  const Fd nowhere(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  CHECK(status_of(start_client("client-admin", 1002, directory.socket(), nowhere.get())) != 0);
  CHECK(status_of(start_client("client-stranger", 1001, directory.socket(), nowhere.get())) != 0);
}

TEST_CASE("a socket with a group is closed to those who are not in it") {
  need_root();
  const Directory directory;
  FakeBackend backend;
  auto options = options_for(directory);
  options.group = 1004;
  const auto server = Server::start(std::move(options), backend).value();
  CHECK(status_of(start_client("client-may-not-open", 1002, directory.socket())) == 0);
  CHECK(status_of(start_client("client-connects", 1004, directory.socket())) == 0);
}

TEST_CASE("a socket of another user is not taken for the agent") {
  need_root();
  const Directory directory;
  REQUIRE(::chown(directory.path().c_str(), 1002, 1002) == 0);
  std::array<int, 2> ready{};
  REQUIRE(::pipe2(ready.data(), O_CLOEXEC) == 0);
  const auto impostor = start_client("client-impostor", 1002, directory.socket(), ready[1]);
  ::close(ready[1]);
  char byte = 0;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  REQUIRE(byte == 'y');
  const auto client = Client::connect(directory.socket());
  ::kill(impostor, SIGKILL);
  status_of(impostor);
  ::close(ready[0]);
  CHECK(code_of(client) == "agent_untrusted");
}
