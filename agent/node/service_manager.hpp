// Tells the service manager that started callgated how far it is: systemd's protocol, sd_notify(3).
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace callgate::node {

// Used by one thread. A message that cannot be delivered is logged: callgated serves with or without somebody
// watching it.
class ServiceManager {
 public:
  // `socket` is the value of NOTIFY_SOCKET: a path, or "@" and an abstract name. Empty: nobody wants to be
  // told.
  explicit ServiceManager(std::string socket) : socket_(std::move(socket)) {}
  [[nodiscard]] static ServiceManager from_environment();

  // callgated serves: what is ordered after it may start.
  void ready() const { tell("READY=1"); }
  // It has begun to drain, which takes up to `timeouts.drain`.
  void stopping() const { tell("STOPPING=1"); }

 private:
  void tell(std::string_view state) const;

  std::string socket_;
};

}  // namespace callgate::node
