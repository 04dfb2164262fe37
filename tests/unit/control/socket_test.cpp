#include "control/socket.hpp"

#include <fstream>

#include <catch2/catch.hpp>
#include <sys/socket.h>
#include <sys/stat.h>

#include "fixture.hpp"

using namespace callgate;
using control::connect_to;
using control::ListeningSocket;
using control::test::Directory;

namespace {

mode_t mode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::lstat(path.c_str(), &status) == 0);
  return status.st_mode & 07777U;
}

}  // namespace

TEST_CASE("the socket is for everybody, or for a group alone") {
  const Directory directory;
  {
    const auto socket = ListeningSocket::open(directory.socket(), std::nullopt);
    REQUIRE(socket);
    CHECK(mode_of(directory.socket()) == 0666);
    CHECK(connect_to(directory.socket()));
  }
  CHECK_FALSE(std::filesystem::exists(directory.socket()));
  const auto socket = ListeningSocket::open(directory.socket(), ::getgid());
  REQUIRE(socket);
  CHECK(mode_of(directory.socket()) == 0660);
}

TEST_CASE("a socket that is left over is replaced, one in use is not") {
  const Directory directory;
  {
    auto first = ListeningSocket::open(directory.socket(), std::nullopt);
    REQUIRE(first);
    const auto second = ListeningSocket::open(directory.socket(), std::nullopt);
    REQUIRE_FALSE(second);
    CHECK(second.error().code == "in_use");
    CHECK(connect_to(directory.socket()));
    // The file stays as after a crash.
    std::filesystem::rename(directory.socket(), directory.path() + "/left");
  }
  std::filesystem::rename(directory.path() + "/left", directory.socket());
  CHECK(connect_to(directory.socket()).error().code == "agent_unreachable");
  CHECK(ListeningSocket::open(directory.socket(), std::nullopt));
}

TEST_CASE("closing a socket leaves its successor's file alone") {
  const Directory directory;
  auto first = ListeningSocket::open(directory.socket(), std::nullopt);
  REQUIRE(first);
  std::filesystem::remove(directory.socket());
  const auto second = ListeningSocket::open(directory.socket(), std::nullopt);
  REQUIRE(second);
  { const auto ends = std::move(*first); }
  CHECK(connect_to(directory.socket()));
}

TEST_CASE("what is no socket is never removed") {
  const Directory directory;
  std::ofstream(directory.socket()) << "precious";
  const auto socket = ListeningSocket::open(directory.socket(), std::nullopt);
  REQUIRE_FALSE(socket);
  CHECK(socket.error().code == "exists");
  CHECK(std::filesystem::file_size(directory.socket()) == 8);
}

TEST_CASE("a directory that others could change is refused") {
  const Directory directory;
  CHECK(ListeningSocket::open(directory.socket(), std::nullopt));
  std::filesystem::permissions(directory.path(), std::filesystem::perms(0777));
  CHECK(ListeningSocket::open(directory.socket(), std::nullopt).error().code == "unsafe_directory");
  // A sticky directory is safe to have a directory in, but not to have the socket in.
  std::filesystem::permissions(directory.path(), std::filesystem::perms(01777));
  CHECK(ListeningSocket::open(directory.socket(), std::nullopt).error().code == "unsafe_directory");
  std::filesystem::create_directory(directory.path() + "/own");
  CHECK(ListeningSocket::open(directory.path() + "/own/control.sock", std::nullopt));
  std::filesystem::permissions(directory.path(), std::filesystem::perms(0777));
  CHECK(ListeningSocket::open(directory.path() + "/own/control.sock", std::nullopt).error().code ==
        "unsafe_directory");
}

TEST_CASE("nobody listening is told apart from not being allowed") {
  const Directory directory;
  CHECK(connect_to(directory.socket()).error().code == "agent_unreachable");
  CHECK(connect_to(directory.path() + "/no/such").error().code == "agent_unreachable");
  CHECK(connect_to(std::string(200, 'x')).error().code == "too_long");
}
