#include "proxy/socket_stock.hpp"

#include <iterator>

namespace callgate::proxy {
namespace {

constexpr std::size_t low_water = 8;
constexpr std::size_t batch = 8;
constexpr std::size_t most = 64;  // of one family in one namespace
// An answer that takes longer is taken for lost, and asked for again.
constexpr Nanoseconds answer_time = 1000 * nanoseconds_per_millisecond;

}  // namespace

void SocketStock::refill(std::uint64_t netns_cookie, bool v6, Shelf& shelf, Nanoseconds now) {
  if (shelf.sockets.size() >= low_water) return;
  if (shelf.asked_at != 0 && now - shelf.asked_at < answer_time) return;
  shelf.asked_at = now;
  ask_(netns_cookie, v6, static_cast<std::uint32_t>(low_water + batch - shelf.sockets.size()));
}

void SocketStock::prepare(std::uint64_t netns_cookie, bool v6, Nanoseconds now) {
  refill(netns_cookie, v6, shelves_[{netns_cookie, v6}], now);
}

Fd SocketStock::take(std::uint64_t netns_cookie, bool v6, Nanoseconds now) {
  Shelf& shelf = shelves_[{netns_cookie, v6}];
  Fd socket;
  if (!shelf.sockets.empty()) {
    socket = std::move(shelf.sockets.back());
    shelf.sockets.pop_back();
  }
  refill(netns_cookie, v6, shelf, now);
  return socket;
}

void SocketStock::add(std::uint64_t netns_cookie, bool v6, std::vector<Fd> sockets, std::string error) {
  Shelf& shelf = shelves_[{netns_cookie, v6}];
  shelf.asked_at = 0;
  if (sockets.empty()) {
    ++shelf.failures;
    shelf.error = std::move(error);
  }
  for (Fd& socket : sockets) {
    if (shelf.sockets.size() < most) shelf.sockets.push_back(std::move(socket));
  }
}

std::uint64_t SocketStock::failures(std::uint64_t netns_cookie, bool v6) {
  return shelves_[{netns_cookie, v6}].failures;
}

const std::string& SocketStock::last_error(std::uint64_t netns_cookie, bool v6) {
  return shelves_[{netns_cookie, v6}].error;
}

void SocketStock::forget_unused(const std::function<bool(std::uint64_t)>& used) {
  for (auto shelf = shelves_.begin(); shelf != shelves_.end();) {
    shelf = used(shelf->first.first) ? std::next(shelf) : shelves_.erase(shelf);
  }
}

}  // namespace callgate::proxy
