#include "cli/launch.hpp"

#include <array>
#include <cerrno>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace callgate;
using namespace callgate::cli;

namespace {

// The output of `body`, which runs in a child and ends by executing something.
template <typename Body>
std::string output_of(Body body) {
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], 1);
    body();
    ::_exit(99);
  }
  ::close(ends[1]);
  std::string text;
  std::array<char, 4096> buffer{};
  ssize_t size = 0;
  while ((size = ::read(ends[0], buffer.data(), buffer.size())) > 0)
    text.append(buffer.data(), static_cast<std::size_t>(size));
  ::close(ends[0]);
  int status = -1;
  ::waitpid(child, &status, 0);
  CHECK(status == 0);
  return text;
}

std::string field(const std::string& status, const std::string& name) {
  const auto start = status.find(name + ":\t");
  REQUIRE(start != std::string::npos);
  return status.substr(start + name.size() + 2, status.find('\n', start) - start - name.size() - 2);
}

constexpr auto none = "0000000000000000";

}  // namespace

TEST_CASE("names of workloads come from the program") {
  CHECK(name_from_program("/usr/bin/curl") == "curl");
  CHECK(name_from_program("Python3.11") == "python3-11");
  CHECK(name_from_program("./my_app--x") == "my-app-x");
  CHECK(name_from_program("/bin/_.sh") == "sh");
  CHECK(name_from_program("/") == "run");
  CHECK(name_from_program("…") == "run");
  CHECK(name_from_program(std::string(100, 'a')) == std::string(63, 'a'));
  CHECK(name_from_program(std::string(62, 'a') + ".b") == std::string(62, 'a'));
}

TEST_CASE("the command has no capabilities and cannot get any") {
  const auto status = output_of([] {
    if (!drop_bounding_set() || !drop_capabilities()) ::_exit(98);
    (void)execute({"cat", "/proc/self/status"});
  });
  for (const auto* name : {"CapInh", "CapPrm", "CapEff", "CapAmb"})
    CHECK(field(status, name) == none);
  CHECK(field(status, "NoNewPrivs") == "1");
  // Only root may empty the bounding set; without it, root would get everything back here.
  if (::geteuid() == 0) CHECK(field(status, "CapBnd") == none);
}

TEST_CASE("control: without giving them up, root has capabilities") {
  if (::geteuid() != 0) return;
  const auto status = output_of([] { (void)execute({"cat", "/proc/self/status"}); });
  CHECK(field(status, "CapEff") != none);
}

TEST_CASE("root can become a user, with their groups") {
  if (::geteuid() != 0) return;
  const auto ids = output_of([] {
    const auto user = find_user("nobody");
    if (!user || !drop_bounding_set() || !become(*user) || !drop_capabilities()) ::_exit(98);
    (void)execute({"id"});
  });
  CHECK(ids.find("uid=65534(nobody) gid=65534(nogroup)") == 0);
  CHECK(ids.find("groups=65534(nogroup)") != std::string::npos);
}

TEST_CASE("a user that does not exist is not found") {
  CHECK(find_user("no-such-user-here").error().code == "not_found");
}

TEST_CASE("the command inherits what callgate inherited, and nothing of callgate's own") {
  const int inherited = ::open("/dev/null", O_RDONLY);
  const auto listing = output_of([&] {
    ::dup2(inherited, 50);
    const Inheritance inheritance;
    ::dup2(inherited, 60);  // as a library would that forgets FD_CLOEXEC
    inheritance.restore();
    (void)execute({"ls", "/proc/self/fd"});
  });
  CHECK(listing.find("50\n") != std::string::npos);
  CHECK(listing.find("60\n") == std::string::npos);
  ::close(inherited);
}

TEST_CASE("the command gets the signal settings that callgate got") {
  const auto status = output_of([] {
    const Inheritance inheritance;
    sigset_t all;
    ::sigfillset(&all);
    ::sigprocmask(SIG_BLOCK, &all, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
    inheritance.restore();
    (void)execute({"cat", "/proc/self/status"});
  });
  CHECK(field(status, "SigBlk") == none);
  CHECK((std::stoull(field(status, "SigIgn"), nullptr, 16) & (1ULL << (SIGPIPE - 1))) == 0);
}

TEST_CASE("what cannot be executed is told") {
  CHECK(execute({"/no/such/program"}) == ENOENT);
  CHECK(execute({"/etc/passwd"}) == EACCES);
}
