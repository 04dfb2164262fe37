#include "node/service_manager.hpp"

#include <cstddef>
#include <cstring>

#include <catch2/catch.hpp>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "support.hpp"

using namespace callgate;
using namespace callgate::node;
using callgate::testing::TemporaryDirectory;

namespace {

// The manager's end; `name` is as NOTIFY_SOCKET has it.
Fd listen_at(const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, name.data(), name.size());
  if (name[0] == '@') address.sun_path[0] = '\0';
  Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address),
                 static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size())) == 0);
  return socket;
}

std::string received(const Fd& socket) {
  char buffer[64];
  const ssize_t size = ::recv(socket.get(), buffer, sizeof(buffer), 0);
  return size < 0 ? "" : std::string(buffer, static_cast<std::size_t>(size));
}

}  // namespace

TEST_CASE("a service manager is told of readiness and of the end, one datagram each") {
  const TemporaryDirectory directory;
  const std::string name = GENERATE(std::string("path"), std::string("abstract")) == "path"
                               ? directory.path() + "/notify"
                               : "@callgate-test-" + std::to_string(::getpid());
  const Fd manager = listen_at(name);
  const ServiceManager told(name);
  told.ready();
  CHECK(received(manager) == "READY=1");
  told.stopping();
  CHECK(received(manager) == "STOPPING=1");
  CHECK(received(manager).empty());
}

TEST_CASE("without a service manager, or with one that is gone, callgated goes on") {
  const TemporaryDirectory directory;
  for (const std::string& name :
       {std::string(), directory.path() + "/nobody", std::string("no-address"), "/" + std::string(200, 'x')})
    CHECK_NOTHROW(ServiceManager(name).ready());
}
