// The command against an agent: a control server with a backend that knows what to answer.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <sstream>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../control/fake_backend.hpp"
#include "cli/command.hpp"
#include "kernel/cgroup.hpp"
#include "sample.hpp"

using namespace callgate;

namespace {

class FakeAgent : public control::test::FakeBackend {
 public:
  Result<v1::ListWorkloadsReply> list_workloads(const control::Peer&) override {
    v1::ListWorkloadsReply reply;
    auto& workload = *reply.add_workloads();
    workload.set_id(7);
    workload.set_name("shop");
    workload.set_mode(v1::MODE_ENFORCE);
    workload.set_cgroup(cgroup);
    return reply;
  }
  Result<v1::UnenrollReply> unenroll(const control::Peer&, const v1::UnenrollRequest& request) override {
    if (request.name() != "shop")
      return make_error("not_found", "there is no workload `" + request.name() + "`");
    v1::UnenrollReply reply;
    reply.add_workloads()->set_name("shop");
    return reply;
  }
  Result<v1::StartRunReply> start_run(const control::Peer& peer,
                                      const v1::StartRunRequest& request) override {
    const std::lock_guard lock(mutex_);
    names_.push_back(request.name());
    if (request.name() == "forbidden") return make_error("denied", "not you");
    return FakeBackend::start_run(peer, request);
  }
  Result<v1::MetricsReply> metrics(const control::Peer&) override {
    v1::MetricsReply reply;
    reply.set_text("callgate_workloads 3\n");
    return reply;
  }
  Result<v1::DoctorReply> doctor(const control::Peer&) override {
    v1::DoctorReply reply;
    auto& finding = *reply.add_findings();
    finding.set_name("store");
    finding.set_state(v1::FINDING_STATE_WARNING);
    finding.set_detail("nearly full");
    finding.set_cure("free space");
    return reply;
  }
  Result<v1::ListSessionsReply> list_sessions(const control::Peer&, const v1::ListSessionsRequest&) override {
    v1::ListSessionsReply reply;
    *reply.add_records() = cli::test::sample();
    *reply.add_records() = cli::test::sample();
    reply.set_next_page_token("older");
    return reply;
  }
  Result<void> show_session(const control::Peer&, const v1::ShowSessionRequest& request,
                            control::Stream<v1::ShowSessionPart>& stream) override {
    if (request.id() != "abcdef")
      return make_error("not_found", "no session begins or ends with " + request.id());
    v1::ShowSessionPart part;
    *part.mutable_record() = cli::test::sample();
    if (!stream.write(part)) return {};
    part.mutable_payload()->set_data("the body");
    if (!stream.write(part)) return {};
    *part.mutable_record() = cli::test::sample();
    if (!stream.write(part)) return {};
    part.set_payload_withheld("only auditors\x1b[2J");
    (void)stream.write(part);
    return {};
  }

  std::vector<std::string> names() {
    const std::lock_guard lock(mutex_);
    return names_;
  }

  std::string cgroup = "/sys/fs/cgroup/x\x1b[2J";  // of its one workload

 private:
  std::mutex mutex_;
  std::vector<std::string> names_;
};

struct Ran {
  int status = -1;
  std::string out;
  std::string err;
};

class Agent {
 public:
  Agent() {
    std::string name = "/tmp/callgate-agent-XXXXXX";
    directory_ = ::mkdtemp(name.data());
    control::ServerOptions options;
    options.socket = socket();
    // Whoever runs the tests may do everything, also where that is not root.
    std::vector<std::string> unknown;
    options.access.admins = control::Users::resolve({std::to_string(::getuid())}, unknown);
    server_ = control::Server::start(std::move(options), backend).value();
  }
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;
  ~Agent() {
    server_.reset();
    std::filesystem::remove_all(directory_);
  }

  [[nodiscard]] std::string socket() const { return directory_ + "/control.sock"; }
  [[nodiscard]] std::string file(const std::string& name) const { return directory_ + "/" + name; }

  [[nodiscard]] Ran callgate(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"--socket", socket()});
    std::ostringstream out;
    std::ostringstream err;
    Ran ran;
    ran.status = cli::run_command_line(arguments, out, err);
    ran.out = out.str();
    ran.err = err.str();
    return ran;
  }

  // Starts the program itself, since `run` turns into another one; standard output goes to `output`.
  [[nodiscard]] pid_t start(std::vector<std::string> arguments, int output) const {
    arguments.insert(arguments.begin(), {CALLGATE_PROGRAM, "--socket", socket()});
    std::vector<char*> pointers;
    for (auto& argument : arguments)
      pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, output, 1);
    ::posix_spawn_file_actions_adddup2(&actions, output, 2);
    pid_t child = -1;
    REQUIRE(::posix_spawn(&child, CALLGATE_PROGRAM, &actions, nullptr, pointers.data(), environ) == 0);
    ::posix_spawn_file_actions_destroy(&actions);
    return child;
  }

  // `status` is what waitpid() gave.
  [[nodiscard]] Ran run(const std::vector<std::string>& arguments) const {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    const pid_t child = start(arguments, ends[1]);
    ::close(ends[1]);
    Ran ran;
    std::array<char, 4096> buffer{};
    for (ssize_t size = 0; (size = ::read(ends[0], buffer.data(), buffer.size())) > 0;) {
      ran.out.append(buffer.data(), static_cast<std::size_t>(size));
    }
    ::close(ends[0]);
    ::waitpid(child, &ran.status, 0);
    return ran;
  }

  FakeAgent backend;

 private:
  std::string directory_;
  std::unique_ptr<control::Server> server_;
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("answers are tables for people and JSON for programs") {
  const Agent agent;
  const auto table = agent.callgate({"workloads"});
  CHECK(table.status == 0);
  CHECK(contains(table.out, "ID  NAME  MODE"));
  CHECK(contains(table.out, " 7  shop  enforce"));
  CHECK(contains(table.out, "x\\x1b[2J"));
  const auto json = agent.callgate({"--json", "workloads"});
  CHECK(json.out.find("{\"workloads\":[{\"id\":\"7\",\"name\":\"shop\"") == 0);
  CHECK_FALSE(contains(json.out, "\x1b"));
  CHECK(contains(agent.callgate({"status"}).out, "agent        callgated "));
  CHECK(contains(agent.callgate({"identity", "bundle"}).out, "PEM\n"));
  CHECK(agent.callgate({"identity", "show"}).status == 0);
}

TEST_CASE("errors of the agent end the command with their status") {
  const Agent agent;
  CHECK(agent.callgate({"enroll", "--pid", "1"}).status == 4);
  const auto unknown = agent.callgate({"unenroll", "other"});
  CHECK(unknown.status == 5);
  CHECK(unknown.err == "callgate: there is no workload `other`\n");
  CHECK(agent.callgate({"unenroll", "shop"}).status == 0);
  CHECK(agent.callgate({"sessions", "show", "123456"}).status == 5);
  CHECK(agent.callgate({"sessions", "show", "xyz"}).status == 2);
}

TEST_CASE("a unit that is enrolled already is no error, and answered like one that was not") {
  Agent agent;
  const auto mount = kernel::find_cgroup2_mount();
  REQUIRE(mount);
  agent.backend.cgroup = *mount + "/system.slice/shop.service";
  std::ofstream(agent.file("systemctl"))
      << "#!/bin/sh\necho LoadState=loaded; echo ControlGroup=/system.slice/shop.service\n";
  std::filesystem::permissions(agent.file("systemctl"), std::filesystem::perms::owner_all);
  const std::string path = ::getenv("PATH");
  REQUIRE(::setenv("PATH", (agent.file("") + ":" + path).c_str(), 1) == 0);
  const auto told = agent.callgate({"enroll", "--unit", "shop"});
  const auto json = agent.callgate({"--json", "enroll", "--unit", "shop"});
  const auto other = agent.callgate({"enroll", "--unit", "shop", "--name", "other"});
  ::setenv("PATH", path.c_str(), 1);
  CHECK(told.status == 0);
  CHECK(told.out == "shop: enrolled already, as workload 7\n");
  CHECK(json.status == 0);
  CHECK(json.out.find("{\"workload\":{\"id\":\"7\",\"name\":\"shop\"") == 0);
  CHECK(other.status == 4);
}

TEST_CASE("sessions are listed by session or by call") {
  const Agent agent;
  const auto sessions = agent.callgate({"sessions", "list", "--limit", "2"});
  CHECK(contains(sessions.out, "SESSION"));
  CHECK(contains(sessions.out, "00000000000000000000000000000001      2  shop"));
  CHECK(contains(sessions.out, "--cursor older"));
  const auto calls = agent.callgate({"sessions", "list", "--calls", "--limit", "2"});
  CHECK(std::count(calls.out.begin(), calls.out.end(), '\n') ==
        std::count(sessions.out.begin(), sessions.out.end(), '\n') + 1);
  CHECK(contains(agent.callgate({"--json", "sessions", "list", "--limit", "2"}).out,
                 "\"next_cursor\":\"older\""));
}

TEST_CASE("a session is shown with its payloads") {
  const Agent agent;
  const auto shown = agent.callgate({"sessions", "show", "ABCDEF"});
  CHECK(shown.status == 0);
  CHECK(contains(shown.out, "  workload     shop"));
  CHECK(contains(shown.out, "  request head (8 B)\n    the body\n"));
  CHECK(contains(agent.callgate({"--json", "sessions", "show", "abcdef"}).out,
                 "\"data\":\"74686520626f6479\""));
}

TEST_CASE("payload that was withheld is said to be, behind its record") {
  const Agent agent;
  const auto shown = agent.callgate({"sessions", "show", "abcdef"}).out;
  const auto withheld = shown.find("  payload withheld: only auditors");
  CHECK(withheld > shown.rfind("  workload     shop"));
  CHECK(withheld != std::string::npos);
  CHECK(shown.find('\x1b') == std::string::npos);
  CHECK(contains(agent.callgate({"--json", "sessions", "show", "abcdef"}).out,
                 "{\"payload_withheld\":\"only auditors"));
}

TEST_CASE("doctor tells what the agent found; a warning is no failure") {
  const Agent agent;
  const auto ran = agent.callgate({"doctor"});
  CHECK(ran.status == 0);
  CHECK(contains(ran.out, "warning  store  nearly full"));
  CHECK(contains(ran.out, "cure: free space"));
}

TEST_CASE("run becomes the command, with its exit status and arguments") {
  const Agent agent;
  const auto ran = agent.run({"run", "--", "sh", "-c", "echo \"$1\"; exit 43", "sh", "--json"});
  CHECK(WIFEXITED(ran.status));
  CHECK(WEXITSTATUS(ran.status) == 43);
  CHECK(contains(ran.out, "--json\n"));
  CHECK(WEXITSTATUS(agent.run({"run", "sh", "-c", "exit 44"}).status) == 44);
}

TEST_CASE("run ends by the signal that ends the command") {
  const Agent agent;
  const auto ran = agent.run({"run", "--", "sh", "-c", "kill -TERM $$"});
  CHECK(WIFSIGNALED(ran.status));
  CHECK(WTERMSIG(ran.status) == SIGTERM);
}

TEST_CASE("run tells a missing command from one that cannot be executed") {
  const Agent agent;
  CHECK(WEXITSTATUS(agent.run({"run", "--", "/no/such/program"}).status) == 127);
  CHECK(WEXITSTATUS(agent.run({"run", "--", "/etc/passwd"}).status) == 126);
}

TEST_CASE("run without permission does not start the command") {
  Agent agent;
  const auto mark = agent.file("mark");
  const auto refused = agent.run({"run", "--name", "forbidden", "--", "touch", mark});
  CHECK(WEXITSTATUS(refused.status) == 125);
  CHECK(contains(refused.out, "not you"));
  CHECK_FALSE(std::filesystem::exists(mark));
  if (::geteuid() != 0)
    CHECK(WEXITSTATUS(agent.run({"run", "--user", "nobody", "--", "touch", mark}).status) == 125);
  CHECK(WEXITSTATUS(agent.run({"run", "--name", "allowed", "--", "touch", mark}).status) == 0);
  CHECK(std::filesystem::exists(mark));
}

TEST_CASE("run names the workload after the program, or as it is told") {
  Agent agent;
  CHECK(agent.run({"run", "--", "/bin/true"}).status == 0);
  CHECK(agent.run({"run", "--name", "shop", "--", "/bin/true"}).status == 0);
  CHECK(agent.backend.names() == std::vector<std::string>{"true", "shop"});
}

TEST_CASE("the command has nothing of callgate: no descriptors, no privileges, no changed signals") {
  const Agent agent;
  const auto listing = agent.run({"run", "--", "sh", "-c", "for d in /proc/self/fd/*; do readlink $d; done"});
  CHECK_FALSE(contains(listing.out, "socket:"));
  CHECK_FALSE(contains(listing.out, "anon_inode"));
  const auto status = agent.run({"run", "--", "cat", "/proc/self/status"});
  CHECK(contains(status.out, "CapEff:\t0000000000000000"));
  CHECK(contains(status.out, "CapPrm:\t0000000000000000"));
  CHECK(contains(status.out, "NoNewPrivs:\t1"));
  CHECK(contains(status.out, "SigBlk:\t0000000000000000"));
  CHECK(contains(status.out, "Threads:\t1\n"));
  if (::geteuid() == 0) {
    CHECK(contains(status.out, "CapBnd:\t0000000000000000"));
    CHECK(contains(status.out, "root can move itself out"));
    const auto other = agent.run({"run", "--user", "nobody", "--", "id", "-u"});
    CHECK(other.out == "65534\n");
  }
}
