// Unconnected sockets in the workloads' network namespaces, fetched from callgated before they are needed.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "proxy/settings.hpp"

namespace callgate::proxy {

class SocketStock {
 public:
  // Asks callgated for `count` sockets of a family in a namespace.
  using Ask = std::function<void(std::uint64_t netns_cookie, bool v6, std::uint32_t count)>;

  explicit SocketStock(Ask ask) : ask_(std::move(ask)) {}

  // Has sockets fetched if they are few.
  void prepare(std::uint64_t netns_cookie, bool v6, Nanoseconds now);
  // A socket, or an empty Fd: none yet, and more are on their way.
  [[nodiscard]] Fd take(std::uint64_t netns_cookie, bool v6, Nanoseconds now);
  // What callgated answered; an empty list with the reason in `error`.
  void add(std::uint64_t netns_cookie, bool v6, std::vector<Fd> sockets, std::string error);
  // How often callgated had none to give. Who waits for a socket, and sees this grow, waits in vain.
  [[nodiscard]] std::uint64_t failures(std::uint64_t netns_cookie, bool v6);
  // Why, the last time.
  [[nodiscard]] const std::string& last_error(std::uint64_t netns_cookie, bool v6);
  // Gives up the sockets of namespaces that nobody uses any more: each keeps its namespace alive.
  void forget_unused(const std::function<bool(std::uint64_t)>& used);

 private:
  struct Shelf {
    std::vector<Fd> sockets;
    std::string error;
    std::uint64_t failures = 0;
    Nanoseconds asked_at = 0;  // 0: nothing is on its way
  };

  void refill(std::uint64_t netns_cookie, bool v6, Shelf& shelf, Nanoseconds now);

  Ask ask_;
  std::map<std::pair<std::uint64_t, bool>, Shelf> shelves_;
};

}  // namespace callgate::proxy
