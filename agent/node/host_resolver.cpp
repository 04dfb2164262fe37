#include "node/host_resolver.hpp"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <optional>
#include <thread>

#include <netdb.h>
#include <sys/socket.h>

namespace callgate::node {
namespace {

struct Request {
  std::vector<std::string> hosts;
  HostResolver::Callback callback;
};

std::vector<Address> look_up(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  std::vector<Address> addresses;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return addresses;
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    sockaddr_storage storage{};
    std::memcpy(&storage, entry->ai_addr, std::min<std::size_t>(entry->ai_addrlen, sizeof(storage)));
    auto address = from_sockaddr(storage);
    if (address) addresses.push_back(*address);
  }
  ::freeaddrinfo(found);
  // Name servers answer in turning order.
  std::sort(addresses.begin(), addresses.end());
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  return addresses;
}

}  // namespace

struct HostResolver::State {
  std::mutex mutex;
  std::condition_variable wake;
  std::optional<Request> next;
  bool stopping = false;

  static void run(const std::shared_ptr<State>& state) {
    std::unique_lock lock(state->mutex);
    for (;;) {
      state->wake.wait(lock, [&] { return state->stopping || state->next; });
      if (state->stopping) return;
      Request request = std::move(*state->next);
      state->next.reset();
      lock.unlock();
      std::vector<policy::ResolvedHost> resolved;
      for (const std::string& host : request.hosts)
        resolved.push_back({host, look_up(host)});
      lock.lock();
      // Under the lock: after stopping, nobody may be called back.
      if (state->stopping) return;
      request.callback(std::move(resolved));
    }
  }
};

HostResolver::HostResolver() : state_(std::make_shared<State>()) {
  std::thread([state = state_] { State::run(state); }).detach();
}

HostResolver::~HostResolver() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->wake.notify_all();
}

void HostResolver::resolve(std::vector<std::string> hosts, Callback callback) {
  {
    const std::lock_guard lock(state_->mutex);
    state_->next = Request{std::move(hosts), std::move(callback)};
  }
  state_->wake.notify_all();
}

}  // namespace callgate::node
