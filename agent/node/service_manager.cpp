#include "node/service_manager.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "base/fd.hpp"
#include "base/log.hpp"
#include "base/result.hpp"

namespace callgate::node {
namespace {

// For a manager whose queue is full; it empties that all the time.
constexpr timeval patience{5, 0};

Result<void> send_to(const std::string& name, std::string_view state) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if ((name[0] != '/' && name[0] != '@') || name.size() >= sizeof(address.sun_path))
    return make_error("invalid", "NOTIFY_SOCKET names no Unix socket: \"" + name + "\"");
  std::memcpy(address.sun_path, name.data(), name.size());
  if (name[0] == '@') address.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  const Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return system_error("make a Unix socket", errno);
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  if (::sendto(socket.get(), state.data(), state.size(), MSG_NOSIGNAL,
               reinterpret_cast<const sockaddr*>(&address), size) < 0)
    return system_error("send to " + name, errno);
  return {};
}

}  // namespace

ServiceManager ServiceManager::from_environment() {
  const char* const socket = std::getenv("NOTIFY_SOCKET");
  return ServiceManager(socket == nullptr ? "" : socket);
}

void ServiceManager::tell(std::string_view state) const {
  if (socket_.empty()) return;
  const auto sent = send_to(socket_, state);
  if (!sent) {
    log_warning("service_manager_not_told", {{"state", std::string(state)}, {"error", sent.error().message}});
  }
}

}  // namespace callgate::node
